"""A person's own page, written on the server: no script, nothing from elsewhere, every word escaped."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any, Literal
from zoneinfo import ZoneInfo

from stressvision_control.my_data.actions import ACTIONS
from stressvision_control.my_data.chart import draw
from stressvision_control.my_data.style import STYLE
from stressvision_control.my_data.trend import day_of, percent, sentences, usual
from stressvision_control.my_data.words import WORDS
from stressvision_store.languages import Language
from stressvision_store.own_data import KeptRows, OwnConsent, OwnData, OwnShift
from stressvision_store.personal_tables import Objection, PersonalLink

Act = Literal["object", "withdraw", "take_back"]


def own_page(data: OwnData, link: PersonalLink, key: str, language: Language, *, done: str | None = None) -> str:
    """`key`: of the address; `done`: of the words that say what has just been changed."""
    words, zone = WORDS[language], ZoneInfo(data.time_zone)
    other = "en" if language == "es" else "es"
    switch = f'<a class="no-print" lang="{other}" hreflang="{other}" href="?lang={other}">{words["other"]}</a>'
    until = words["until"].format(day=_day(link.expires_at, language, zone))
    parts = [
        f"<header><h1>{words['title']}</h1>{switch}</header>",
        f'<p class="note" role="status">{escape(words[done])}</p>' if done else "",
        f'<p class="soft">{escape(until)}</p><p>{escape(words["meaning"])}</p>',
        _looking(data, language, zone),
        _section("shifts", words, _shifts(data, language)),
        _section("kept", words, _kept(data, language)),
        _section("looked", words, _looked(data, language, zone)),
        _section("consent", words, _consent(data, language, zone)),
        _section("do", words, _choices(data, key, language)),
        f'<p class="soft">{escape(words["visit"])}</p>',
    ]
    return page(words["title"], "".join(parts), language)


def confirm_page(act: Act, key: str, language: Language, *, refused: str | None = None) -> str:
    """Asks once more before anything is changed. `refused`: the words that were sent and cannot be kept so."""
    words = WORDS[language]
    field = ""
    if act == "object":
        told = f'<p class="note" role="alert">{escape(words["object_refused"])}</p>' if refused is not None else ""
        field = (
            f'{told}<label for="words">{escape(words["object_words"])}</label>'
            f'<textarea id="words" name="words" required maxlength="4000">\n{escape(refused or "")}</textarea>'
        )
    body = (
        f"<h1>{escape(words[act])}</h1><section><p>{escape(words[f'{act}_says'])}</p>"
        f'<form method="post" action="?lang={language}">{field}'
        f'<div class="do"><button class="button main">{escape(words[f"yes_{act}"])}</button>'
        f'<a class="button" href="../{key}?lang={language}">{escape(words["back"])}</a></div></form></section>'
    )
    return page(words[act], body, language)


def message_page(title: str, text: str, language: Language) -> str:
    return page(title, f"<h1>{escape(title)}</h1><section><p>{escape(text)}</p></section>", language)


def page(title: str, body: str, language: Language, *, wide: bool = False) -> str:
    """A whole page; `wide` is for tables of many columns."""
    kind = ' class="broad"' if wide else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main{kind}>{body}</main></body></html>\n"
    )


def _section(name: str, words: Any, body: str) -> str:
    return f'<section aria-labelledby="{name}"><h2 id="{name}">{escape(words[name])}</h2>{body}</section>'


def _looking(data: OwnData, language: Language, zone: ZoneInfo) -> str:
    words = WORDS[language]
    lines = "".join(
        "<p>"
        + escape(
            words["now_who"].format(
                officer=each.look.officer, until=f"{each.look.until.astimezone(zone):%H:%M}", reason=each.look.reason
            )
        )
        + "</p>"
        for each in data.looking
    )
    return f'<div class="note"><h2>{escape(words["now"])}</h2>{lines}</div>' if lines else ""


def _shifts(data: OwnData, language: Language) -> str:
    words = WORDS[language]
    if data.profile == "off":
        return f"<p>{escape(words['off'])}</p>"
    band = usual(data.shifts)
    said = sentences(data.shifts, band, language)
    parts = [f'<p class="soft">{escape(words["period"])}</p>']
    parts += [f'<p class="say">{escape(line)}</p>' for line in said]
    if data.shifts:
        days = [day_of(each.shift_date, language, year=False) for each in data.shifts]
        parts.append(draw(data.shifts, band, days, f"{words['chart']} {' '.join(said)}"))
        parts.append(_legend(words, with_band=band is not None))
        parts.append(_table_of_shifts(data, language))
    parts.append(f'<p class="soft">{escape(words["limits"])}</p>')
    return "".join(parts)


def _legend(words: Any, *, with_band: bool) -> str:
    names = ["share", *(["band"] if with_band else []), "thin", "cover"]
    said = {"share": "legend_share", "band": "legend_usual", "thin": "legend_thin", "cover": "legend_coverage"}
    items = "".join(f'<li><i class="k-{name}"></i>{escape(words[said[name]])}</li>' for name in names)
    return f'<ul class="legend" aria-hidden="true">{items}</ul>'


def _table_of_shifts(data: OwnData, language: Language) -> str:
    words = WORDS[language]
    stress = data.profile != "fatigue_only"
    heads = [("date", ""), ("shift", ""), ("coverage", "n"), ("tired", "n"), *([("stress", "n")] if stress else [])]
    head = "".join(f'<th scope="col" class="{kind}">{escape(words[name])}</th>' for name, kind in heads)
    rows = "".join(_row_of_shift(each, language, stress=stress) for each in reversed(data.shifts))
    return (
        f'<details class="no-print"><summary>{escape(words["table"])}</summary>'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(words["shifts"])}">'
        f"<table><tr>{head}</tr>{rows}</table></div></details>"
    )


def _row_of_shift(shift: OwnShift, language: Language, *, stress: bool) -> str:
    shares = [shift.fatigue, *([shift.stress] if stress else [])]
    cells = [percent(share) if share is not None else WORDS[language]["missing"] for share in shares]
    numbers = "".join(f'<td class="n">{escape(cell)}</td>' for cell in (percent(shift.coverage), *cells))
    return f"<tr><td>{day_of(shift.shift_date, language)}</td><td>{escape(shift.shift)}</td>{numbers}</tr>"


def _kept(data: OwnData, language: Language) -> str:
    words = WORDS[language]
    head = "".join(
        f'<th scope="col" class="{kind}">{escape(words[name])}</th>'
        for name, kind in (("what", ""), ("rows", "n"), ("oldest", ""), ("goes", ""))
    )
    rows = "".join(_row_of_kept(each, language) for each in data.kept if each.rows)
    name = f'<span class="whole">{escape(data.pseudonym)}</span>'
    line = escape(words["pseudonym"]).format(pseudonym=name, site=escape(data.site))
    return (
        f'<p>{line}</p><div class="scroll" tabindex="0" role="region" aria-labelledby="kept">'
        f"<table><tr>{head}</tr>{rows}</table></div>"
        f'<p class="soft">{escape(words["raw_note"])}</p>'
    )


def _row_of_kept(kept: KeptRows, language: Language) -> str:
    words = WORDS[language]
    count = f"{kept.rows:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    goes = words["after"].format(days=kept.days) if kept.days else words["never_yet"]
    return (
        f'<tr><td>{escape(words[kept.table])}</td><td class="n">{count}</td>'
        f"<td>{day_of(kept.oldest, language) if kept.oldest else '–'}</td><td>{escape(goes)}</td></tr>"
    )


def _looked(data: OwnData, language: Language, zone: ZoneInfo) -> str:
    words = WORDS[language]
    if not data.looked:
        return f"<p>{escape(words['nobody'])}</p>"
    items = []
    for row in data.looked:
        who = row["actor"].split(" (token ")[0]
        what = ACTIONS[language].get(row["action"], row["action"])
        why = f" {words['quote'].format(reason=row['reason'])}" if row["reason"] else ""
        at = datetime.fromisoformat(row["at"]).astimezone(zone)
        items.append(
            f'<li><time datetime="{escape(row["at"])}">{day_of(at.date(), language)}, {at:%H:%M}</time>'
            f"<strong>{escape(who)}</strong> {escape(what)}.{escape(why)}</li>"
        )
    return f'<p class="soft">{escape(words["list_note"])}</p><ul class="who">{"".join(items)}</ul>'


def _consent(data: OwnData, language: Language, zone: ZoneInfo) -> str:
    words = WORDS[language]
    objecting = any(each.state == "open" for each in data.objections)
    state = "paused" if objecting else "given" if data.consenting else "withdrawn"
    parts = [f'<p class="state{"" if state == "given" else " off"}">{escape(words[state])}</p>']
    parts += [_objection(each, language, zone) for each in data.objections]
    parts += [_given(each, language, zone) for each in data.consents]
    return "".join(parts)


def _objection(row: Objection, language: Language, zone: ZoneInfo) -> str:
    words = WORDS[language]
    head = words["objected"].format(day=_day(row.raised_at, language, zone))
    end = _day(row.ended_at, language, zone) if row.ended_at else ""
    answer = words[row.state].format(end=end, decision=row.decision or "")
    return f'<h3>{escape(head)}</h3><p class="words">{escape(row.text)}</p><p>{escape(answer)}</p>'


def _given(row: OwnConsent, language: Language, zone: ZoneInfo) -> str:
    words = WORDS[language]
    day, end = _day(row.given_at, language, zone), row.withdrawn_at
    said = words["withdrawn_on" if end else "given_on"].format(
        day=day, version=row.notice_version, end=_day(end, language, zone) if end else ""
    )
    if row.text is None:
        return f"<p>{escape(said)}</p>"
    title = words["notice"].format(version=row.notice_version)
    return (
        f"<p>{escape(said)}</p><details><summary>{escape(title)}</summary>"
        f'<p class="words" lang="{escape(row.language or language)}">{escape(row.text)}</p></details>'
    )


def _choices(data: OwnData, key: str, language: Language) -> str:
    words = WORDS[language]
    objecting = any(each.state == "open" for each in data.objections)
    acts = ["take_back" if objecting else "object", *(["withdraw"] if _active(data.consents) else [])]
    buttons = [(f"data.html?lang={language}", "page", " main"), ("data.json", "data", "")]
    buttons += [(f"{act.replace('_', '-')}?lang={language}", act, "") for act in acts]
    items = "".join(
        f'<li><a class="button{kind}" href="{key}/{path}">{escape(words[name])}</a></li>'
        for path, name, kind in buttons
    )
    return f'<ul class="do no-print">{items}</ul><p>{escape(words["more_rights"])}</p>'


def _active(consents: Sequence[OwnConsent]) -> bool:
    return any(each.withdrawn_at is None for each in consents)


def _day(at: datetime, language: Language, zone: ZoneInfo) -> str:
    return day_of(at.astimezone(zone).date(), language)
