"""Made-up plants: sites, shifts, people, badges and what devices saw, at random from a seed or by the yard."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

LABELS = ("neutral", "stress", "sad", "happy", "fatigue")
MEASURED = ("frames", "faces", "coverage_ppm", *(f"{label}_{unit}" for unit in ("ms", "ppm") for label in LABELS))
EVENT_COLUMNS = (
    "event_id", "device_id", "seq", "kind", "started_at", "ended_at", "clock_shift_ms", "content", "model_version",
    *MEASURED, "episode_id", "phase", "condition", "peak_ppm", "mean_ppm", "reason", "lost",
)  # fmt: skip
Event = dict[str, Any]
Connection = psycopg.Connection[Any]

SHIFTS = (
    ("morning", time(6), time(14), ((time(9, 30), time(10)),)),
    ("afternoon", time(14), time(22), ((time(18), time(18, 30)),)),
    ("night", time(22), time(6), ((time(2), time(2, 30)),)),
)
"""Name, start, end and breaks in local time."""


def uuid7(at: datetime, random: Random) -> UUID:
    """A UUIDv7 of that moment (RFC 9562)."""
    milliseconds = int(at.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return UUID(int=value)


def insert(connection: Connection, table: str, **values: Any) -> int:
    """Insert one row and return its id (0 for a table without one)."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    cursor = connection.execute(statement, list(values.values()))
    row = cursor.fetchone()
    names = [column.name for column in cursor.description or ()]
    return int(row[names.index("id")]) if "id" in names else 0


def window(device_id: int, at: datetime, random: Random, *, seconds: float = 60.0, model: str = "m1") -> Event:
    """What a device says of one minute."""
    ended_at = at + timedelta(seconds=seconds)
    shares = [random.randrange(1, 1000) for _ in LABELS]
    coverage = random.randrange(0, 1_000_001)
    observed = int(seconds * 1000) * coverage // 1_000_000
    event: Event = dict.fromkeys(EVENT_COLUMNS)
    event |= {f"{label}_ms": observed * share // sum(shares) for label, share in zip(LABELS, shares, strict=True)}
    event |= {f"{label}_ppm": 1_000_000 * share // sum(shares) for label, share in zip(LABELS, shares, strict=True)}
    return event | {
        "event_id": uuid7(ended_at, random), "device_id": device_id, "seq": random.getrandbits(40), "kind": 1,
        "started_at": at, "ended_at": ended_at, "clock_shift_ms": 0, "content": random.getrandbits(62),
        "model_version": model, "frames": 600, "faces": 500, "coverage_ppm": coverage,
    }  # fmt: skip


def episode(device_id: int, at: datetime, random: Random, *, model: str = "m1") -> list[Event]:
    """The opening and the closing of one episode."""
    episode_id = uuid7(at, random)
    condition = random.randint(1, 2)
    events = []
    for phase, minutes in ((1, 1), (2, 4)):
        ended_at = at + timedelta(minutes=minutes)
        event: Event = dict.fromkeys(EVENT_COLUMNS)
        events.append(event | {
            "event_id": uuid7(ended_at, random), "device_id": device_id, "seq": random.getrandbits(40), "kind": 2,
            "started_at": at, "ended_at": ended_at, "clock_shift_ms": 0, "content": random.getrandbits(62),
            "model_version": model, "coverage_ppm": 900_000, "episode_id": episode_id, "phase": phase,
            "condition": condition, "peak_ppm": 800_000, "mean_ppm": 600_000,
        })  # fmt: skip
    return events


def gap(device_id: int, at: datetime, random: Random) -> Event:
    event: Event = dict.fromkeys(EVENT_COLUMNS)
    return event | {
        "event_id": uuid7(at, random), "device_id": device_id, "seq": random.getrandbits(40), "kind": 3,
        "started_at": at, "ended_at": at + timedelta(minutes=3), "clock_shift_ms": 0,
        "content": random.getrandbits(62), "model_version": "none", "reason": 1, "lost": 0,
    }  # fmt: skip


def store_events(connection: Connection, events: Sequence[Event]) -> None:
    """Insert each event once and mark what is new, in one transaction, as ingest does."""
    columns = sql.SQL(", ").join(map(sql.Identifier, EVENT_COLUMNS))
    statement = sql.SQL("""
        WITH stored AS (
            INSERT INTO events ({columns}) SELECT {columns} FROM jsonb_populate_recordset(null::events, %s)
            ON CONFLICT DO NOTHING RETURNING device_id, started_at, kind)
        INSERT INTO dirty_windows (device_id, bucket_at)
        SELECT DISTINCT device_id, date_bin('5 min', started_at, 'epoch') FROM stored WHERE kind <> 3
    """).format(columns=columns)
    plain = [{key: _plain(value) for key, value in event.items()} for event in sorted(events, key=_id)]
    with connection.transaction():
        connection.execute(statement, (psycopg.types.json.Jsonb(plain),))


def _id(event: Event) -> UUID:
    return event["event_id"]  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value


@dataclass
class Plant:
    """The ids of what was made."""

    sites: list[int] = field(default_factory=list)
    stations: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)
    employees: list[int] = field(default_factory=list)
    devices: list[int] = field(default_factory=list)


def add_device(connection: Connection, name: str) -> int:
    return insert(
        connection, "devices", public_key=name.encode(), hostname=name, hardware="made up", agent_version="0.1.0"
    )


def build_plant(
    connection: Connection,
    *,
    first_date: date,
    zones: Iterable[str] = ("America/Lima",),
    areas: int = 1,
    stations: int = 2,
    shifts: Sequence[tuple[str, time, time, tuple[tuple[time, time], ...]]] = SHIFTS,
) -> Plant:
    """Sites with one device at every station and, from `first_date` on, one consenting person a station and shift."""
    plant = Plant()
    since = datetime.combine(first_date, time(0), UTC) - timedelta(days=2)
    for n_site, zone in enumerate(zones):
        site = insert(connection, "sites", name=f"site {n_site}", time_zone=zone)
        plant.sites.append(site)
        own_shifts = []
        for name, starts, ends, breaks in shifts:
            shift = insert(connection, "shifts", site_id=site, name=name, starts=starts, ends=ends)
            own_shifts.append(shift)
            for pause_starts, pause_ends in breaks:
                insert(connection, "shift_breaks", shift_id=shift, starts=pause_starts, ends=pause_ends)
        plant.shifts += own_shifts
        for n_area in range(areas):
            area = insert(connection, "areas", site_id=site, name=f"area {n_area}")
            for n_station in range(stations):
                _add_station(connection, plant, f"{site}.{n_area}.{n_station}", area, site, own_shifts, since)
    return plant


def _add_station(
    connection: Connection, plant: Plant, name: str, area: int, site: int, shifts: list[int], since: datetime
) -> None:
    station = insert(connection, "stations", area_id=area, name=f"station {name}")
    device = add_device(connection, f"device {name}")
    insert(connection, "placements", device_id=device, station_id=station, placed_at=since)
    plant.stations.append(station)
    plant.devices.append(device)
    for shift in shifts:
        employee = insert(connection, "employees", site_id=site, pseudonym=f"P-{name}-{shift}")
        plant.employees.append(employee)
        insert(connection, "consents", employee_id=employee, notice_version="1", given_at=since)
        insert(
            connection, "assignments", employee_id=employee, station_id=station, shift_id=shift,
            first_date=since.date(),
        )  # fmt: skip


def stream(devices: Sequence[int], since: datetime, minutes: int, random: Random) -> Iterator[Event]:
    """A window a minute from every device, and now and then an episode."""
    for minute in range(minutes):
        at = since + timedelta(minutes=minute)
        for device in devices:
            yield window(device, at, random)
            if random.random() < 0.01:
                yield from episode(device, at, random)
