"""Pages for people: one HTML file each, without anything from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from stressvision_control.privacy.words import WORDS
from stressvision_store.notices import Language

Row = Mapping[str, Any]
MOST_ROWS: Final = 400
ENOUGH: Final = 0.2
"""Below this share of the scheduled time observed, a shift has no figure; as in the views."""

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}p{max-width:45rem}"
    "@media print{body{margin:0;max-width:none}}"
)
_LISTED: Final[Mapping[str, Sequence[str]]] = {
    "consents": ("notice_version", "language", "given_at", "withdrawn_at", "notice"),
    "assignments": ("site", "area", "station", "shift", "first_date", "last_date"),
    "check_ins": ("site", "area", "station", "checked_in_at", "checked_out_at"),
    "pictures": ("added_at", "label", "width", "height", "removed_at"),
    "person_looks": ("officer", "reason", "since", "until", "ended_at"),
    "objections": ("raised_at", "text", "state", "ended_at", "decided_by", "decision"),
    "personal_links": ("made_at", "made_by", "expires_at", "revoked_at"),
    "looks": ("at", "actor", "action", "subject", "reason"),
}
_JSON_ONLY: Final = frozenset({"five_minutes", "observations"})


def export_page(found: Row, language: Language) -> str:
    """What `access_export.collect` found, to be read by the person."""
    words = WORDS[language]
    parts = [f"<p>{escape(words[name])}</p>" for name in ("complete", "meaning", "rights")]
    parts.append(_heading(words["person"]) + _fields(found["person"], words))
    parts.append(_heading(f"{words['shifts']} ({len(found['shifts'])})") + _shifts(found["shifts"], words))
    for name, count in found["counts"].items():
        if name == "shifts":
            continue
        parts.append(_heading(f"{words.get(name, name)} ({count})"))
        if name in _JSON_ONLY:
            parts.append(f"<p>{count} {words['entries']}, {words['in_json']}.</p>")
        else:
            parts.append(_table(found[name], _LISTED.get(name), words))
    return _page(words["export"], f"{words['made_at']}: {_moment(found['made_at'])}", parts, language)


def receipt_page(receipt: Row, language: Language) -> str:
    """What an erasure took."""
    words = WORDS[language]
    facts = {name: receipt[name] for name in ("employee_id", "erased_at", "erased_by", "reason")}
    facts |= {"audit": f"{receipt['audit_place']}:{receipt['audit_hash']}", "late_events": receipt["late_events"]}
    counts = [{"table": name, "rows": count} for name, count in receipt["counts"].items()]
    parts = [_fields(facts, words), _heading(words["rows"]), _table(counts, ("table", "rows"), words)]
    parts += [f"<p>{escape(words[name])}</p>" for name in ("late", "stays")]
    return _page(words["receipt"], "Stress Vision", parts, language)


def _page(title: str, line: str, parts: Iterable[str], language: Language) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(line)}</p>{''.join(parts)}</body></html>\n"
    )


def _heading(title: str) -> str:
    return f"<h2>{escape(title)}</h2>"


def _fields(row: Row, words: Mapping[str, str]) -> str:
    lines = (
        f"<tr><th>{escape(words.get(name, name))}</th><td>{_cell(value, words)}</td></tr>"
        for name, value in row.items()
    )
    return f"<table>{''.join(lines)}</table>"


def _table(rows: Sequence[Row], columns: Sequence[str] | None, words: Mapping[str, str]) -> str:
    if not rows:
        return f"<p>{words['none']}.</p>"
    names = columns or list(rows[0])
    head = "".join(f"<th>{escape(words.get(name, name.replace('_', ' ')))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name), words)}</td>" for name in names) + "</tr>"
        for row in rows[-MOST_ROWS:]
    )
    left_out = len(rows) - MOST_ROWS
    more = f"<p>{escape(words['more'].format(n=left_out))}</p>" if left_out > 0 else ""
    return f"<table><tr>{head}</tr>{body}</table>{more}"


def _shifts(rows: Sequence[Row], words: Mapping[str, str]) -> str:
    return _table([_shift(row, words) for row in rows], None, words)


def _shift(row: Row, words: Mapping[str, str]) -> Row:
    observed, scheduled = row["observed_ms"], row["scheduled_ms"]
    enough = observed > 0 and observed >= ENOUGH * scheduled
    shares = {
        f"{label}_share": f"{min(1.0, row[f'{label}_ms'] / observed):.0%}" if enough else words["not_enough"]
        for label in ("stress", "fatigue")
    }
    return {
        "date": row["shift_date"],
        "shift": row["shift"],
        "observed": f"{observed / 3_600_000:.1f}",
        "coverage": f"{min(1.0, observed / scheduled):.0%}" if scheduled else None,
        **shares,
    }


def _cell(value: Any, words: Mapping[str, str]) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return words["yes"] if value else words["no"]
    return escape(_moment(str(value)))


def _moment(text: str) -> str:
    """A time to the minute, in UTC."""
    if len(text) >= 25 and text[10] == "T" and text.endswith("+00:00"):
        return f"{text[:10]} {text[11:16]} UTC"
    return text
