"""Marks: which five minutes of which device must be rolled up again, and the lock that keeps edits and drains apart.

Ingest marks what it stores. Whoever changes what an event means afterwards (a roster, a consent, a shift, an erasure)
calls `mark_events` in the same transaction.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

BUCKET_SECONDS = 300
BUCKET_SQL = "interval '5 min', {}, timestamptz 'epoch'"
"""The arguments of `date_bin` for a time; buckets start at whole five minutes of UTC."""

_SITES = 0x5356
NOWHERE = 0
"""Stands for the site of devices that were never placed."""

_DEVICES = """
SELECT :device_id ::integer AS device_id WHERE :device_id ::integer IS NOT NULL
UNION
SELECT p.device_id FROM placements p JOIN stations s ON s.id = p.station_id JOIN areas a ON a.id = s.area_id
WHERE p.station_id = :station_id ::integer OR a.site_id = :site_id ::integer
UNION
SELECT p.device_id FROM placements p
WHERE p.station_id IN (
    SELECT station_id FROM assignments WHERE employee_id = :employee_id ::integer
    UNION SELECT station_id FROM check_ins WHERE employee_id = :employee_id ::integer
)
UNION
SELECT device_id FROM rollup_windows WHERE employee_id = :employee_id ::integer
"""

_SITES_OF = """
SELECT DISTINCT coalesce(a.site_id, 0)
FROM unnest(:devices ::integer[]) AS d(id)
LEFT JOIN placements p ON p.device_id = d.id
LEFT JOIN stations s ON s.id = p.station_id
LEFT JOIN areas a ON a.id = s.area_id
ORDER BY 1
"""

_SINCE = "coalesce(:since ::timestamptz, '-infinity')"
_UNTIL = "coalesce(:until ::timestamptz, 'infinity')"
_MADE_OF_EVENTS = f"""
device_id = ANY(:devices) AND bucket_at + interval '5 min' > {_SINCE} AND bucket_at < {_UNTIL}
    AND bucket_at >= coalesce((SELECT max(kept_from) FROM raw_horizon), '-infinity')"""  # noqa: S608
"""What was rolled up of events that are gone stands as it is: two years of a site would be marked in vain."""

_MARK = f"""
INSERT INTO dirty_windows (device_id, bucket_at)
SELECT device_id, date_bin({BUCKET_SQL.format("started_at")}) FROM events
WHERE device_id = ANY(:devices) AND started_at >= {_SINCE} AND started_at < {_UNTIL} AND kind <> 3
UNION
SELECT device_id, bucket_at FROM rollup_windows WHERE {_MADE_OF_EVENTS}
UNION
SELECT device_id, bucket_at FROM unattributed_windows WHERE {_MADE_OF_EVENTS}
"""  # noqa: S608


def sites_of(session: Session, devices: Iterable[int]) -> list[int]:
    """Every site where one of the devices ever stood, in order; `NOWHERE` for those that never stood anywhere."""
    return list(session.scalars(text(_SITES_OF), {"devices": sorted(devices)}))


def lock_sites(session: Session, sites: Iterable[int], *, shared: bool = False) -> None:
    """Hold the rollups of these sites until the transaction ends, taking the locks in order.

    A drain holds them alone; edits share them. So no drain can read the roster of before an edit after that edit has
    looked which events to mark, which would lose the events that came in between.
    """
    function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    statement = text(f"SELECT {function}(:space, site) FROM unnest(:sites ::integer[]) AS s(site)")  # noqa: S608
    session.execute(statement, {"space": _SITES, "sites": sorted(set(sites))})


def mark_events(
    session: Session,
    *,
    site_id: int | None = None,
    station_id: int | None = None,
    employee_id: int | None = None,
    device_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Mark all that was observed in [since, until) by the devices concerned; return how many marks that took.

    Concerned are the device itself; those that ever stood at the station, or at the site; or at any station where the
    employee was rostered or checked in, with those that the employee's rollups name. Name one of the four or more.
    Call it after the change, in the same transaction (and before too, when the change removes a placement or roster
    row that said which devices are concerned).
    """
    who = {"site_id": site_id, "station_id": station_id, "employee_id": employee_id, "device_id": device_id}
    if all(value is None for value in who.values()):
        raise ValueError("mark_events needs a site, a station, an employee or a device")
    devices = list(session.scalars(text(_DEVICES), who))
    if not devices:
        return 0
    lock_sites(session, [NOWHERE, *sites_of(session, devices)], shared=True)
    done = session.execute(text(_MARK), {"devices": devices, "since": since, "until": until})
    return int(done.rowcount)  # type: ignore[attr-defined]
