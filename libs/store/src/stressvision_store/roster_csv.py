"""The roster as a CSV file: what its columns are called, and what may stand in their cells.

Comma, semicolon or tab; UTF-8 (with or without its mark), UTF-16 with its mark, or Windows-1252; English or Spanish
headers in any order. Nothing here knows the database.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final

from stressvision_store.local_time import Break, check_time_zone
from stressvision_store.refusals import InvalidError

COLUMNS: Final = (
    "site", "time_zone", "area", "station", "shift", "starts", "ends", "weekdays", "breaks", "pseudonym", "name",
    "badge", "consent_given", "notice_version", "first_date", "last_date",
)  # fmt: skip

ALIASES: Final[Mapping[str, str]] = {
    "sitio": "site", "sede": "site", "planta": "site", "zona_horaria": "time_zone", "puesto": "station",
    "estacion": "station", "turno": "shift", "inicio": "starts", "hora_inicio": "starts", "fin": "ends",
    "hora_fin": "ends", "dias": "weekdays", "dias_semana": "weekdays", "descansos": "breaks", "pausas": "breaks",
    "seudonimo": "pseudonym", "nombre": "name", "credencial": "badge", "tarjeta": "badge", "fotocheck": "badge",
    "consentimiento": "consent_given", "version_aviso": "notice_version", "aviso": "notice_version",
    "desde": "first_date", "fecha_inicio": "first_date", "hasta": "last_date", "fecha_fin": "last_date",
}  # fmt: skip

NO_BREAKS: Final = "-"
MAX_TEXT: Final = 100
MAX_BADGE: Final = 64
_DAY_NAMES: Final = {
    "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7,
    "lun": 1, "mar": 2, "mie": 3, "jue": 4, "vie": 5, "sab": 6, "dom": 7,
}  # fmt: skip
_FORMULA = re.compile(r"'*[=+\-@]")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadCell:
    """What is wrong on a line of the file, and what to do. `column` is empty where the whole line is meant."""

    line: int
    column: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class RosterLine:
    """`values` by column; a cell that is empty or bad is None."""

    line: int
    values: Mapping[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values.get(column)


@dataclass(slots=True)
class RosterFile:
    columns: frozenset[str] = frozenset()
    lines: list[RosterLine] = field(default_factory=list)
    bad: list[BadCell] = field(default_factory=list)


def read_roster(data: bytes) -> RosterFile:
    """Every line that can be read, and everything that is wrong with the cells."""
    file = RosterFile()
    text = _decode(data)
    header_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = _read_header(next(reader, []), file)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                file.lines.append(_read_line(line, header, cells, file.bad))
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"it cannot be read on from here ({error}); look for a stray quotation mark"
        file.bad.append(BadCell(line=reader.line_num, column="", value="", message=message))
    return file


def write_roster(lines: Iterable[Mapping[str, str]]) -> str:
    """UTF-8 text with commas. What a spreadsheet would take for a formula gets an apostrophe, as is done there."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for values in lines:
        writer.writerow({column: _quiet(value) for column, value in values.items()})
    return out.getvalue()


def format_weekdays(days: Sequence[int]) -> str:
    """1-5 where they follow each other, else 1 3 5."""
    if len(days) > 1 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"{days[0]}-{days[-1]}"
    return " ".join(map(str, days))


def format_breaks(breaks: Iterable[Break]) -> str:
    return " ".join(f"{each.starts:%H:%M}-{each.ends:%H:%M}" for each in breaks)


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _read_header(cells: Sequence[str], file: RosterFile) -> list[str | None]:
    columns: list[str | None] = []
    for cell in cells:
        plain = re.sub(r"[\s\-]+", "_", _without_accents(cell.strip().lower()))
        column = ALIASES.get(plain, plain)
        if column not in COLUMNS:
            if plain:
                _blame(file.bad, 1, cell.strip(), "", f"no such column; there are {', '.join(COLUMNS)}")
            columns.append(None)
        elif column in columns:
            _blame(file.bad, 1, column, cell.strip(), "this column stands twice; leave one out")
            columns.append(None)
        else:
            columns.append(column)
    if "site" not in columns:
        _blame(file.bad, 1, "site", "", "the first line must name the columns, and site must be one of them")
    file.columns = frozenset(column for column in columns if column is not None)
    return columns


def _read_line(line: int, header: Sequence[str | None], cells: Sequence[str], bad: list[BadCell]) -> RosterLine:
    values: dict[str, Any] = {}
    if len(cells) > len(header):
        _blame(bad, line, "", "", f"{len(cells)} cells under {len(header)} headers; quote cells that hold a separator")
    for column, cell in zip(header, cells, strict=False):
        text = cell.strip()
        if column is None or not text:
            continue
        if re.match(r"'+[=+\-@]", text):
            text = text[1:]
        try:
            values[column] = _PARSERS[column](text)
        except (ValueError, InvalidError) as error:
            _blame(bad, line, column, "" if column in {"name", "badge"} else text[:MAX_TEXT], str(error))
    return RosterLine(line, values)


def _blame(bad: list[BadCell], line: int, column: str, value: str, message: str) -> None:
    bad.append(BadCell(line=line, column=column, value=value, message=message))


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def _quiet(value: str) -> str:
    return f"'{value}" if _FORMULA.match(value) else value


def _text(longest: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
            raise ValueError("it holds a control character or a line break; take it out")
        text = unicodedata.normalize("NFC", text)
        if len(text) > longest:
            raise ValueError(f"{len(text)} characters; shorten it to {longest}")
        return text

    return parse


def _time_zone(text: str) -> str:
    check_time_zone(text)
    return text


def _time(text: str) -> time:
    found = re.fullmatch(r"(\d{1,2}):(\d\d)(:00)?", text)
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{text!r} is no time; write HH:MM from 00:00 to 23:59 (midnight is 00:00)")
    return time(int(found[1]), int(found[2]))


def parse_weekdays(text: str) -> tuple[int, ...]:
    """1-5, 1 3 5, mon-fri or lun-vie; raise `ValueError` for anything else."""
    days: set[int] = set()
    for word in re.split(r"[\s,;|/]+", text.strip(" ,;|/")):
        ends = [_weekday(part) for part in word.split("-")]
        if len(ends) > 2 or ends[0] > ends[-1]:
            raise ValueError(f"{word!r} is no range of days; write 1-5 (1 is Monday, 7 Sunday)")
        days.update(range(ends[0], ends[-1] + 1))
    return tuple(sorted(days))


def _weekday(text: str) -> int:
    day = _DAY_NAMES.get(_without_accents(text.lower())[:3]) or (int(text) if re.fullmatch("[1-7]", text) else None)
    if day is None:
        raise ValueError(f"{text!r} is no day; write 1-5, or 1 3 5 (1 is Monday, 7 Sunday)")
    return day


def parse_breaks(text: str) -> tuple[Break, ...]:
    """12:00-12:30 15:00-15:10, or - for none; raise `ValueError` for anything else."""
    if text == NO_BREAKS:
        return ()
    found = []
    for word in re.split(r"[\s,;|]+", text.strip(" ,;|")):
        parts = re.split("[-–]", word)
        if len(parts) != 2:
            raise ValueError(f"{word!r} is no break; write 12:00-12:30 15:00-15:10, or - for none")
        found.append(Break(_time(parts[0]), _time(parts[1])))
    return tuple(found)


def _date(text: str) -> date:
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
    try:
        day = date(int(found[3]), int(found[2]), int(found[1])) if found else date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date; write YYYY-MM-DD or DD/MM/YYYY") from None
    if not 2000 <= day.year < 2100:
        raise ValueError(f"the year of {text!r} must lie from 2000 to 2099")
    return day


def _consent_given(text: str) -> date | datetime:
    if len(text) <= len("YYYY-MM-DD"):
        return _date(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date or time; write YYYY-MM-DD or YYYY-MM-DDTHH:MM") from None
    _date(at.date().isoformat())
    return at


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("site", "area", "station", "shift", "pseudonym", "name", "notice_version"), _text(MAX_TEXT)),
    "badge": _text(MAX_BADGE),
    "time_zone": _time_zone,
    **dict.fromkeys(("starts", "ends"), _time),
    "weekdays": parse_weekdays,
    "breaks": parse_breaks,
    "consent_given": _consent_given,
    **dict.fromkeys(("first_date", "last_date"), _date),
}
