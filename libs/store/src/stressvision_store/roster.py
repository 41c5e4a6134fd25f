"""The roster as a whole: brought in from a CSV file, all of it or nothing, and given back in the same form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

from sqlmodel import Session

from stressvision_store import assignments, consents, people, places, shifts
from stressvision_store.changes import many_changes
from stressvision_store.local_time import Hours, check_hours
from stressvision_store.locks import Lock, hold
from stressvision_store.refusals import InvalidError, RefusedError
from stressvision_store.roster_csv import BadCell, RosterFile, RosterLine, read_roster
from stressvision_store.roster_facts import UNSPOKEN, RosterFacts, Thing, show
from stressvision_store.workforce_tables import Area, Employee, Shift, Site, Station

_ROUNDS: Final = 4
"""How often what is refused is tried again: a line further down may have made room for it."""

_COLUMN_OF: Final[Mapping[str, str]] = {
    "station_id": "station",
    "employee_id": "pseudonym",
    "shift_id": "shift",
    "given_at": "consent_given",
}
"""Where the store's word for a value is not the file's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterChange:
    """One thing that the file makes or alters; `what` never holds a name or a badge."""

    line: int
    action: str  # create, change
    noun: str
    what: str


@dataclass(slots=True)
class RosterOutcome:
    """`applied` is false after a dry run, and when anything was bad: then nothing was changed at all."""

    lines: int
    bad: list[BadCell]
    changes: list[RosterChange]
    applied: bool


def import_roster(session: Session, data: bytes, *, dry_run: bool = False) -> RosterOutcome:
    """Make what is missing and alter what differs. A dry run does all of it and takes it back.

    Importing the same file again changes nothing. What the file does not mention stays.
    """
    hold(session, Lock.ROSTER_IMPORT)
    file = read_roster(data)
    with session.begin_nested() as savepoint:
        work = _Import(session, file)
        with many_changes(session) as waiting:
            work.run()
            applied = not (dry_run or file.bad)
            if not applied:
                waiting.clear()
        if not applied:
            savepoint.rollback()
    bad = sorted(file.bad, key=lambda cell: (cell.line, cell.column))
    return RosterOutcome(len(file.lines), bad, sorted(work.changes, key=lambda change: change.line), applied)


class _Import:
    def __init__(self, session: Session, file: RosterFile) -> None:
        self.changes: list[RosterChange] = []
        self._session = session
        self._file = file
        self._facts = RosterFacts(file)
        self._sites: dict[str, Site] = {}
        self._areas: dict[tuple[str, str], Area] = {}
        self._stations: dict[tuple[str, str, str], Station] = {}
        self._shifts: dict[tuple[str, str], Shift] = {}
        self._people: dict[str, Employee] = {}

    def run(self) -> None:
        lines = self._file.lines
        self._settle(self._facts.gather(("site",), ("time_zone",)), self._bring_site)
        self._settle(self._facts.gather(("site", "shift"), ("starts", "ends", "weekdays", "breaks")), self._bring_shift)
        self._settle(self._facts.gather(("site", "area"), ()), self._bring_area)
        self._settle(self._facts.gather(("site", "area", "station"), ()), self._bring_station)
        self._settle(self._facts.gather(("pseudonym",), ("site", "name", "badge")), self._bring_person)
        self._settle([(row.line, row) for row in lines if row["consent_given"] is not None], self._bring_consent)
        self._settle([(row.line, row) for row in lines if row["first_date"] is not None], self._bring_assignment)

    def _settle(self, waiting: list[tuple[int, Any]], step: Callable[[int, Any], None]) -> None:
        for _ in range(_ROUNDS):
            refused: list[tuple[int, Any, RefusedError]] = []
            for line, what in waiting:
                try:
                    step(line, what)
                except RefusedError as refusal:
                    refused.append((line, what, refusal))
            if len(refused) == len(waiting):
                break
            waiting = [(line, what) for line, what, _ in refused]
        for line, what, error in refused:
            self._blame_refused(line, what, error)

    def _blame_refused(self, line: int, what: Any, error: RefusedError) -> None:
        column = _COLUMN_OF.get(error.field or "", error.field or "")
        value = None
        if isinstance(what, RosterLine):
            value = what[column]
        elif column in what[1].said:
            value, line = what[1].said[column]
        self._facts.blame(line, column, "" if column in UNSPOKEN else show(value), str(error))

    def _note(self, line: int, action: str, noun: str, what: str) -> None:
        self.changes.append(RosterChange(line=line, action=action, noun=noun, what=what))

    def _bring_site(self, line: int, what: tuple[tuple[str], Thing]) -> None:
        (name,), thing = what
        zone = thing.get("time_zone")
        site = places.find_site(self._session, name)
        if site is None:
            if zone is None:
                self._facts.miss(
                    thing, "time_zone", f"site {name!r} is new, so one of its lines must give its time zone"
                )
                return
            site = places.create_site(self._session, name=name, time_zone=zone)
            self._note(line, "create", "site", f"{name} ({zone})")
        elif zone is not None and zone != site.time_zone:
            self._note(line, "change", "site", f"{name}: time zone {site.time_zone} → {zone}")
            places.change_site(self._session, site.id or 0, time_zone=zone)
        self._sites[name] = site

    def _bring_shift(self, line: int, what: tuple[tuple[str, str], Thing]) -> None:
        (site_name, name), thing = what
        site = self._sites.get(site_name)
        if site is None:
            return
        shift = shifts.find_shift(self._session, site_id=site.id or 0, name=name)
        if shift is None:
            hours = self._new_hours(name, thing)
            if hours is None:
                return
            shift = shifts.create_shift(self._session, site_id=site.id or 0, name=name, hours=hours)
            self._note(line, "create", "shift", f"{site_name} / {name} ({shift.starts:%H:%M}–{shift.ends:%H:%M})")
        else:
            before = shifts.hours_of(self._session, shift)
            hours = check_hours(_altered(before, thing))
            if hours != before:
                shifts.change_shift(self._session, shift.id or 0, hours=hours)
                self._note(line, "change", "shift", f"{site_name} / {name} ({hours.starts:%H:%M}–{hours.ends:%H:%M})")
        self._shifts[site_name, name] = shift

    def _new_hours(self, name: str, thing: Thing) -> Hours | None:
        for column in ("starts", "ends"):
            if thing.get(column) is None:
                self._facts.miss(thing, column, f"shift {name!r} is new, so one of its lines must say when it {column}")
        if thing.get("starts") is None or thing.get("ends") is None:
            return None
        return _altered(Hours(starts=time(), ends=time()), thing)

    def _bring_area(self, line: int, what: tuple[tuple[str, str], Thing]) -> None:
        (site_name, name), _ = what
        site = self._sites.get(site_name)
        if site is None:
            return
        area = places.find_area(self._session, site_id=site.id or 0, name=name)
        if area is None:
            area = places.create_area(self._session, site_id=site.id or 0, name=name)
            self._note(line, "create", "area", f"{site_name} / {name}")
        self._areas[site_name, name] = area

    def _bring_station(self, line: int, what: tuple[tuple[str, str, str], Thing]) -> None:
        (site_name, area_name, name), _ = what
        area = self._areas.get((site_name, area_name))
        if area is None:
            return
        station = places.find_station(self._session, area_id=area.id or 0, name=name)
        if station is None:
            station = places.create_station(self._session, area_id=area.id or 0, name=name)
            self._note(line, "create", "station", f"{site_name} / {area_name} / {name}")
        self._stations[site_name, area_name, name] = station

    def _bring_person(self, line: int, what: tuple[tuple[str], Thing]) -> None:
        (pseudonym,), thing = what
        site = self._sites.get(thing.get("site"))
        if site is None:
            return
        employee = people.find_employee(self._session, pseudonym)
        if employee is None:
            employee = people.create_employee(self._session, site_id=site.id or 0, pseudonym=pseudonym)
            self._note(line, "create", "employee", pseudonym)
        elif employee.site_id != site.id:
            raise InvalidError(
                f"{pseudonym!r} belongs to another site; give this person another pseudonym", field="site"
            )
        self._people[pseudonym] = employee
        if thing.get("name") is not None and people.set_name(self._session, employee.id or 0, thing.get("name")):
            self._note(line, "change", "employee", f"{pseudonym}: name")
        if thing.get("badge") is not None and people.set_badge(self._session, employee, thing.get("badge")):
            self._note(line, "change", "employee", f"{pseudonym}: badge")

    def _bring_consent(self, line: int, row: RosterLine) -> None:
        employee, site = self._people.get(row["pseudonym"]), self._sites.get(row["site"])
        if employee is None or site is None or row["notice_version"] is None:
            return
        given_at = _moment(row["consent_given"], site)
        for known in consents.consents_of(self._session, employee.id or 0, row["notice_version"]):
            same_day = known.given_at.astimezone(places.zone_of(site)).date() == row["consent_given"]
            if same_day or known.given_at == given_at:
                return
        consents.give_consent(
            self._session, employee_id=employee.id or 0, notice_version=row["notice_version"], given_at=given_at
        )
        self._note(line, "create", "consent", f"{row['pseudonym']} to {row['notice_version']}")

    def _bring_assignment(self, line: int, row: RosterLine) -> None:
        employee = self._people.get(row["pseudonym"])
        station = self._stations.get((row["site"], row["area"], row["station"]))
        shift = self._shifts.get((row["site"], row["shift"]))
        if employee is None or station is None or shift is None:
            return
        ids = {"employee_id": employee.id or 0, "station_id": station.id or 0, "shift_id": shift.id or 0}
        known = assignments.find_assignment(self._session, **ids, first_date=row["first_date"])
        last_date: date | None = row["last_date"]
        what = f"{row['pseudonym']} at {row['station']} in {row['shift']} {row['first_date']}–{last_date or ''}"
        if known is None:
            assignments.create_assignment(self._session, **ids, first_date=row["first_date"], last_date=last_date)
            self._note(line, "create", "assignment", what)
        elif known.last_date != last_date and "last_date" in self._file.columns:
            assignments.change_dates(self._session, known.id or 0, first_date=known.first_date, last_date=last_date)
            self._note(line, "change", "assignment", what)


def _altered(before: Hours, thing: Thing) -> Hours:
    breaks = thing.get("breaks")
    return Hours(
        starts=thing.get("starts") if thing.get("starts") is not None else before.starts,
        ends=thing.get("ends") if thing.get("ends") is not None else before.ends,
        weekdays=thing.get("weekdays") or before.weekdays,
        breaks=breaks if breaks is not None else before.breaks,
    )


def _moment(given: date | datetime, site: Site) -> datetime:
    """A date alone means its first moment, and a time without a zone is local to the site."""
    if not isinstance(given, datetime):
        given = datetime.combine(given, time())
    local = given if given.tzinfo is not None else given.replace(tzinfo=places.zone_of(site))
    return local.astimezone(UTC)
