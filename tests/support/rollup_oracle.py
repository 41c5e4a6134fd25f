"""What the rollups must say, in plain Python over plain rows: no SQL arithmetic, no code of ours, no cleverness."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

LABELS = ("neutral", "stress", "sad", "happy", "fatigue")
SUMS = (
    "windows", "captured_ms", "observed_ms", *(f"{label}_ms" for label in LABELS),
    *(f"{label}_weight" for label in LABELS), "stress_episodes", "fatigue_episodes",
)  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = dict[str, Any]
Rows = dict[tuple[Any, ...], Row]
Rollups = dict[str, Rows]


def instant(day: date, at: time, zone: str) -> datetime:
    """A local time as an instant: one that is skipped lies an hour later, one that is repeated means the second."""
    tz = ZoneInfo(zone)
    first, second = (datetime.combine(day, at, tz).replace(fold=fold) for fold in (0, 1))
    repeated = first.utcoffset() > second.utcoffset()
    return (second if repeated else first).astimezone(UTC)


def half_up(value: Fraction) -> int:
    return (value.numerator * 2 + value.denominator) // (value.denominator * 2)


@dataclass(frozen=True)
class Occurrence:
    shift_id: int
    shift_date: date
    starts_at: datetime
    ends_at: datetime
    breaks: tuple[tuple[datetime, datetime], ...]

    def contains(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at

    def in_break(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self.breaks)

    @property
    def scheduled_ms(self) -> int:
        """Minute by minute: shifts and breaks of tests start and end on whole minutes."""
        minutes = int((self.ends_at - self.starts_at) / timedelta(minutes=1))
        return sum(60_000 for n in range(minutes) if not self.in_break(self.starts_at + timedelta(minutes=n)))


class Oracle:
    """`tables`: rows by table name, as they stand now. Raw events included."""

    def __init__(self, tables: dict[str, list[Row]]) -> None:
        self.tables = tables
        self.sites = {row["id"]: row for row in tables["sites"]}
        self.areas = {row["id"]: row for row in tables["areas"]}
        self.stations = {row["id"]: row for row in tables["stations"]}
        self._known: dict[tuple[int, date], list[Occurrence]] = {}

    def occurrence(self, shift: Row, day: date) -> Occurrence:
        zone = self.sites[shift["site_id"]]["time_zone"]
        tomorrow = day + timedelta(days=1)
        breaks = []
        for row in self.tables["shift_breaks"]:
            if row["shift_id"] == shift["id"]:
                first = tomorrow if row["starts"] < shift["starts"] else day
                last = first + timedelta(days=1) if row["ends"] <= row["starts"] else first
                breaks.append((instant(first, row["starts"], zone), instant(last, row["ends"], zone)))
        return Occurrence(
            shift["id"],
            day,
            instant(day, shift["starts"], zone),
            instant(tomorrow if shift["ends"] <= shift["starts"] else day, shift["ends"], zone),
            tuple(breaks),
        )

    def occurrences_on(self, site_id: int, day: date) -> list[Occurrence]:
        if (site_id, day) not in self._known:
            self._known[site_id, day] = [
                self.occurrence(shift, day)
                for shift in self.tables["shifts"]
                if shift["site_id"] == site_id and day.isoweekday() in shift["weekdays"]
            ]
        return self._known[site_id, day]

    def near(self, site_id: int, at: datetime) -> list[Occurrence]:
        day = at.date()
        return [o for n in range(-3, 4) for o in self.occurrences_on(site_id, day + timedelta(days=n))]

    def station_at(self, device_id: int, at: datetime) -> int | None:
        there = [
            (row["placed_at"], row["id"], row["station_id"])
            for row in self.tables["placements"]
            if row["device_id"] == device_id
            and row["placed_at"] <= at
            and (row["removed_at"] is None or at < row["removed_at"])
        ]
        return max(there)[2] if there else None

    def shift_of_check_in(self, site_id: int, at: datetime) -> Occurrence | None:
        near = self.near(site_id, at)
        if running := [o for o in near if o.contains(at)]:
            return max(running, key=lambda o: (o.starts_at, o.shift_id))
        coming = [o for o in near if at < o.starts_at <= at + timedelta(hours=12) and o.ends_at > at]
        return min(coming, key=lambda o: (o.starts_at, -o.shift_id)) if coming else None

    def checked_in(self, station_id: int, site_id: int, at: datetime) -> tuple[int, Occurrence] | None:
        """Go through every badge in order; keep who is at the station until something ends it."""
        present: Row | None = None
        for row in sorted(self.tables["check_ins"], key=lambda row: (row["checked_in_at"], row["id"])):
            if row["checked_in_at"] > at:
                break
            if row["station_id"] == station_id:
                present = row
            elif present is not None and row["employee_id"] == present["employee_id"]:
                present = None
        if present is None or (present["checked_out_at"] is not None and present["checked_out_at"] <= at):
            return None
        made_in = self.shift_of_check_in(site_id, present["checked_in_at"])
        if made_in is None or not made_in.contains(at):
            return None
        return present["employee_id"], made_in

    def rostered(self, station_id: int, running: list[Occurrence]) -> tuple[int, Occurrence] | None:
        found = [
            ((row["first_date"], row["id"]), row["employee_id"], o)
            for row in self.tables["assignments"]
            for o in running
            if row["station_id"] == station_id
            and row["shift_id"] == o.shift_id
            and row["first_date"] <= o.shift_date
            and (row["last_date"] is None or o.shift_date <= row["last_date"])
        ]
        if not found:
            return None
        _, employee_id, occurrence = max(found, key=lambda entry: (entry[0], entry[2].shift_date))
        return employee_id, occurrence

    def consents(self, employee_id: int, at: datetime) -> bool:
        """And does not object."""
        objects = any(
            row["employee_id"] == employee_id
            and row["raised_at"] <= at
            and (row["ended_at"] is None or at < row["ended_at"])
            for row in self.tables["objections"]
        )
        return not objects and any(
            row["employee_id"] == employee_id
            and row["given_at"] <= at
            and (row["withdrawn_at"] is None or at < row["withdrawn_at"])
            for row in self.tables["consents"]
        )

    def attribute(self, device_id: int, at: datetime) -> str | tuple[int, Occurrence, int]:
        """The reason why it is nobody's, or employee, occurrence and area."""
        station_id = self.station_at(device_id, at)
        if station_id is None:
            return "no_station"
        area = self.areas[self.stations[station_id]["area_id"]]
        running = [o for o in self.near(area["site_id"], at) if o.contains(at)]
        if not running:
            return "no_shift"
        working = [o for o in running if not o.in_break(at)]
        if not working:
            return "break"
        badge = self.checked_in(station_id, area["site_id"], at)
        found = badge if badge is not None and badge[1] in working else self.rostered(station_id, working)
        if found is None:
            return "no_employee"
        return (found[0], found[1], area["id"]) if self.consents(found[0], at) else "no_consent"

    def rollups(self) -> Rollups:
        """Every row that each rollup table must hold, by key."""
        events: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        unattributed: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        areas: dict[tuple[Any, ...], int] = {}
        for event in self.tables["events"]:
            if event["kind"] == 3:
                continue
            at = event["started_at"]
            bucket = EPOCH + (at - EPOCH) // timedelta(minutes=5) * timedelta(minutes=5)
            owner = self.attribute(event["device_id"], at)
            if isinstance(owner, str):
                if event["kind"] == 1:
                    unattributed[event["device_id"], bucket, owner].append(event)
                continue
            employee_id, occurrence, area_id = owner
            key = (event["device_id"], bucket, employee_id, occurrence.shift_id, occurrence.shift_date)
            events[key].append(event)
            areas[key] = max(area_id, areas.get(key, 0))
        windows = {
            key: measure(rows) | {"area_id": areas[key], "site_id": self.areas[areas[key]]["site_id"]}
            for key, rows in events.items()
        }
        return {
            "rollup_windows": windows,
            "unattributed_windows": {
                key: {"windows": len(rows), "captured_ms": sum(map(captured_ms, rows))}
                for key, rows in unattributed.items()
            },
            "rollup_shifts": self.summed(windows, lambda key, row: (key[2], key[3], key[4]), people=False),
            "rollup_areas": self.summed(windows, lambda key, row: (row["area_id"], key[3], key[4]), people=True),
        }

    def summed(self, windows: Rows, key_of: Any, *, people: bool) -> Rows:
        groups: dict[tuple[Any, ...], list[tuple[tuple[Any, ...], Row]]] = defaultdict(list)
        for key, row in windows.items():
            groups[key_of(key, row)].append((key, row))
        shifts = {row["id"]: row for row in self.tables["shifts"]}
        summed = {}
        for group, members in groups.items():
            occurrence = self.occurrence(shifts[group[1]], group[2])
            row: Row = {name: sum(member[name] for _, member in members) for name in SUMS}
            row["model_versions"] = sorted({version for _, member in members for version in member["model_versions"]})
            row["site_id"] = members[0][1]["site_id"]
            row["starts_at"], row["ends_at"] = occurrence.starts_at, occurrence.ends_at
            row["scheduled_ms"] = occurrence.scheduled_ms
            if people:
                row["employees"] = len({key[2] for key, _ in members})
                row["scheduled_ms"] *= row["employees"]
            summed[group] = row
        return summed


def captured_ms(event: Row) -> int:
    if event["kind"] != 1:
        return 0
    return max(0, half_up(Fraction((event["ended_at"] - event["started_at"]) // timedelta(microseconds=1), 1000)))


def measure(events: list[Row]) -> Row:
    row: Row = dict.fromkeys(SUMS, 0)
    for event in events:
        if event["kind"] != 1:
            continue
        observed = half_up(Fraction(captured_ms(event) * event["coverage_ppm"], 1_000_000))
        row["windows"] += 1
        row["captured_ms"] += captured_ms(event)
        row["observed_ms"] += observed
        for label in LABELS:
            row[f"{label}_ms"] += event[f"{label}_ms"]
            row[f"{label}_weight"] += event[f"{label}_ppm"] * observed
    for number, condition in ((1, "stress"), (2, "fatigue")):
        row[f"{condition}_episodes"] = len({e["episode_id"] for e in events if e["condition"] == number})
    row["model_versions"] = sorted({event["model_version"] for event in events})
    return row
