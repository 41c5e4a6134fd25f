"""What the lines of a roster say when they are read together, and where they leave something out or disagree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Any, Final

from stressvision_store.local_time import Break
from stressvision_store.roster_csv import BadCell, RosterFile, RosterLine, format_breaks

_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "time_zone": ("site",),
    "area": ("site",),
    "station": ("area",),
    "shift": ("site",),
    **dict.fromkeys(("starts", "ends", "weekdays", "breaks"), ("shift",)),
    "pseudonym": ("site",),
    **dict.fromkeys(("name", "badge"), ("pseudonym",)),
    "consent_given": ("pseudonym", "notice_version"),
    "notice_version": ("pseudonym", "consent_given"),
    "first_date": ("pseudonym", "station", "shift"),
    "last_date": ("first_date",),
}
"""What else must stand on a line where a column is filled in."""

UNSPOKEN: Final = frozenset({"name", "badge"})
"""Values that no message repeats."""


@dataclass(slots=True)
class Thing:
    """All that the file says of one site, shift or person: by column, the value and the line that says it."""

    lines: list[int] = field(default_factory=list)
    said: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def get(self, column: str) -> Any:
        return self.said[column][0] if column in self.said else None


class RosterFacts:
    """Whatever is found wrong is added to `file.bad`, once for each cell."""

    def __init__(self, file: RosterFile) -> None:
        self.file = file
        self._blamed = {(cell.line, cell.column) for cell in file.bad}
        for row in file.lines:
            self._check_shape(row)

    def _check_shape(self, row: RosterLine) -> None:
        if row["site"] is None and "site" in self.file.columns:
            self.blame(row.line, "site", "", "every line needs a site")
        for column in row.values:
            for needed in _NEEDS.get(column, ()):
                if needed != "site" and row[needed] is None:
                    self.blame(row.line, needed, "", f"{column} is filled in, so {needed} must be too")
        if row["pseudonym"] is not None and (row["station"] is None) != (row["shift"] is None):
            missing = "shift" if row["shift"] is None else "station"
            self.blame(row.line, missing, "", "a person's line has both station and shift, or neither")
        if None not in (row["pseudonym"], row["station"], row["shift"]) and row["first_date"] is None:
            self.blame(row.line, "first_date", "", "an assignment needs the date on which it begins")

    def gather(self, key: tuple[str, ...], columns: tuple[str, ...]) -> list[tuple[int, Any]]:
        """By the values of the columns `key`: what the whole file says in `columns`; it must not contradict itself."""
        things: dict[tuple[str, ...], Thing] = {}
        for row in self.file.lines:
            names = tuple(row[column] for column in key)
            if None in names:
                continue
            thing = things.setdefault(names, Thing())
            thing.lines.append(row.line)
            for column in columns:
                value = row[column]
                if value is None:
                    continue
                before, line = thing.said.setdefault(column, (value, row.line))
                if before != value:
                    shown = "" if column in UNSPOKEN else show(value)
                    self.blame(row.line, column, shown, f"line {line} says otherwise of {names[-1]!r}; make them agree")
        return [(thing.lines[0], (names, thing)) for names, thing in things.items()]

    def blame(self, line: int, column: str, value: str, message: str) -> None:
        if (line, column) not in self._blamed:
            self._blamed.add((line, column))
            self.file.bad.append(BadCell(line=line, column=column, value=value, message=message))

    def miss(self, thing: Thing, column: str, message: str) -> None:
        """Something is missing; say so, unless it stands there and is bad, which has been said."""
        if not any((line, column) in self._blamed for line in thing.lines):
            self.blame(thing.lines[0], column, "", message)


def show(value: Any) -> str:
    """A cell's value as a person would write it."""
    if value is None:
        return ""
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if isinstance(value, Break):
        return format_breaks([value])
    if isinstance(value, tuple):
        return " ".join(show(each) for each in value)
    return str(value)
