"""Pages for people: one HTML file each, without anything from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressvision_control.my_data.actions import ACTIONS
from stressvision_control.my_data.pages import page
from stressvision_control.my_data.trend import day_of, percent
from stressvision_control.privacy.words import COLUMNS, STATES, WORDS
from stressvision_store.languages import Language

Row = Mapping[str, Any]
MOST_ROWS: Final = 400
ENOUGH: Final = 0.2
"""Below this share of the scheduled time observed, a shift has no figure; as in the views."""

_LISTED: Final[Mapping[str, Sequence[str]]] = {
    "consents": ("notice_version", "language", "given_at", "withdrawn_at", "notice"),
    "assignments": ("site", "area", "station", "shift", "first_date", "last_date"),
    "check_ins": ("site", "area", "station", "checked_in_at", "checked_out_at"),
    "pictures": ("added_at", "label", "width", "height", "removed_at"),
    "alerts": ("opened_at", "condition", "state", "outcome", "acknowledged_by", "closed_by", "suppressed_because"),
    "published_members": ("site", "area", "shift", "shift_date", "published_at"),
    "person_looks": ("officer", "reason", "since", "until", "ended_at"),
    "objections": ("raised_at", "text", "state", "ended_at", "decided_by", "decision"),
    "personal_links": ("made_at", "made_by", "expires_at", "revoked_at"),
    "looks": ("at", "actor", "action", "subject", "reason"),
}
_CALLED: Final = {"action": ACTIONS} | dict.fromkeys(
    ("state", "outcome", "condition", "label", "suppressed_because", "site_profile"), STATES
)
"""Columns whose values have names for people."""
_JSON_ONLY: Final = frozenset({"five_minutes", "observations"})
_LONGEST_DATE: Final = 10


@dataclass(frozen=True, slots=True)
class _Voice:
    """In which language, and in the time of which place."""

    language: Language
    zone: tzinfo

    def word(self, name: str) -> str:
        """For a heading or a column; one that nobody translated is called by its name."""
        words = COLUMNS[self.language] | WORDS[self.language]
        return words.get(name, name.replace("_", " "))

    def say(self, name: str) -> str:
        """The word, as a page can carry it."""
        return escape(self.word(name))

    def cell(self, name: str, value: Any) -> str:
        if value is None:
            return "–"
        if isinstance(value, bool):
            return self.say("yes" if value else "no")
        if name in _CALLED:
            return escape(_CALLED[name][self.language].get(str(value), str(value)))
        return escape(self._moment(str(value)))

    def _moment(self, said: str) -> str:
        """A time to the minute, or a date; anything else as it is."""
        if len(said) < _LONGEST_DATE or said[4:5] != "-" or said[7:8] != "-":
            return said
        try:
            if len(said) == _LONGEST_DATE:
                return day_of(date.fromisoformat(said), self.language)
            at = datetime.fromisoformat(said).astimezone(self.zone)
        except ValueError:
            return said
        return f"{day_of(at.date(), self.language)}, {at:%H:%M}"


def export_page(found: Row, language: Language) -> str:
    """What `access_export.collect` found, to be read by the person; times in those of their site."""
    voice = _Voice(language, ZoneInfo(found["person"]["time_zone"]))
    parts = [f"<p>{voice.say(name)}</p>" for name in ("complete", "meaning", "rights")]
    parts.append(_section(voice.say("person"), _fields(found["person"], voice)))
    shifts = [_shift(row, voice) for row in found["shifts"]]
    parts.append(_section(f"{voice.say('shifts')} ({len(shifts)})", _table(shifts, None, voice)))
    for name, count in found["counts"].items():
        if name == "shifts":
            continue
        body = (
            f"<p>{count} {voice.say('entries')}, {voice.say('in_json')}.</p>"
            if name in _JSON_ONLY
            else _table(found[name], _LISTED.get(name), voice)
        )
        parts.append(_section(f"{voice.say(name)} ({count})", body))
    made = f"{voice.say('made_at')}: {voice.cell('made_at', found['made_at'])}, {escape(found['person']['time_zone'])}"
    return _page(WORDS[language]["export"], made, parts, language)


def receipt_page(receipt: Row, language: Language) -> str:
    """What an erasure took. Times in UTC: the person's site is nowhere in it."""
    voice = _Voice(language, ZoneInfo("UTC"))
    facts = {name: receipt[name] for name in ("employee_id", "erased_at", "erased_by", "reason")}
    facts |= {"audit": f"{receipt['audit_place']}:{receipt['audit_hash']}", "late_events": receipt["late_events"]}
    counts = [{"table": voice.word(name), "rows": count} for name, count in receipt["counts"].items()]
    parts = [_section(voice.say("receipt"), _fields(facts, voice))]
    parts.append(_section(voice.say("rows"), _table(counts, ("table", "rows"), voice)))
    parts += [f"<p>{voice.say(name)}</p>" for name in ("late", "stays")]
    return _page(WORDS[language]["receipt"], "Stress Vision, UTC", parts, language)


def _page(title: str, line: str, parts: Iterable[str], language: Language) -> str:
    body = f'<h1>{escape(title)}</h1><p class="soft">{line}</p>{"".join(parts)}'
    return page(title, body, language, wide=True)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _fields(row: Row, voice: _Voice) -> str:
    lines = (
        f'<tr><th scope="row">{voice.say(name)}</th><td>{voice.cell(name, value)}</td></tr>'
        for name, value in row.items()
    )
    return f'<div class="scroll" tabindex="0"><table>{"".join(lines)}</table></div>'


def _table(rows: Sequence[Row], columns: Sequence[str] | None, voice: _Voice) -> str:
    if not rows:
        return f"<p>{voice.say('none')}.</p>"
    names = columns or list(rows[0])
    head = "".join(f'<th scope="col">{voice.say(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{voice.cell(name, row.get(name))}</td>" for name in names) + "</tr>"
        for row in rows[-MOST_ROWS:]
    )
    left_out = len(rows) - MOST_ROWS
    more = f"<p>{voice.say('more').format(n=left_out)}</p>" if left_out > 0 else ""
    return f'<div class="scroll" tabindex="0"><table><tr>{head}</tr>{body}</table></div>{more}'


def _shift(row: Row, voice: _Voice) -> Row:
    observed, scheduled = row["observed_ms"], row["scheduled_ms"]
    enough = observed > 0 and observed >= ENOUGH * scheduled
    shares = {
        f"{label}_share": percent(min(1.0, row[f"{label}_ms"] / observed)) if enough else voice.word("not_enough")
        for label in ("stress", "fatigue")
    }
    return {
        "date": row["shift_date"],
        "shift": row["shift"],
        "observed": f"{observed / 3_600_000:.1f}",
        "coverage": percent(min(1.0, observed / scheduled)) if scheduled else None,
        **shares,
    }
