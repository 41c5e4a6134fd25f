"""When a person was in front of which device, as roster and badges tell it today; consent or none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, col, select

from stressvision_store.attribution import SEGMENTS
from stressvision_store.workforce_tables import Assignment, CheckIn

DAY = timedelta(days=1)
RUNS_AT_ONCE = 500
"""Days of a device; a year of one person takes a few statements."""

_DEVICES = """
SELECT DISTINCT p.device_id FROM placements p WHERE p.station_id IN (
    SELECT station_id FROM assignments WHERE employee_id = :employee_id
    UNION SELECT station_id FROM check_ins WHERE employee_id = :employee_id)
ORDER BY 1
"""
_STRETCHES = f"""
WITH {SEGMENTS}
SELECT device_id, at AS from_at, until_at AS to_at, reason FROM segments WHERE employee_id = :employee_id
ORDER BY device_id, at
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Stretch:
    """The person in front of a device from `from_at` to before `to_at`; `reason`: why it is not attributed, if so."""

    device_id: int
    from_at: datetime
    to_at: datetime
    reason: str | None


def devices_of(session: Session, employee_id: int) -> Sequence[int]:
    """Those that ever stood where the person was rostered or checked in."""
    return session.scalars(text(_DEVICES), {"employee_id": employee_id}).all()


def stretches(session: Session, employee_id: int, *, since: datetime, until: datetime) -> list[Stretch]:
    """Between the two moments, in order by device and time; breaks left out, as everywhere."""
    devices = devices_of(session, employee_id)
    days = list(_days(session, employee_id, since, until))
    runs = [(device, day, min(day + DAY, until)) for device in devices for day in days]
    found: list[Stretch] = []
    for first in range(0, len(runs), RUNS_AT_ONCE):
        columns = zip(*runs[first : first + RUNS_AT_ONCE], strict=True)
        parameters: dict[str, Any] = dict(zip(("devices", "froms", "tos"), map(list, columns), strict=True))
        parameters["employee_id"] = employee_id
        for row in session.execute(text(_STRETCHES), parameters):
            _join(found, Stretch(row.device_id, row.from_at, row.to_at, row.reason))
    return found


def _join(found: list[Stretch], stretch: Stretch) -> None:
    """Append, or lengthen the last one where the new one goes on from it."""
    last = found[-1] if found else None
    if last and (last.device_id, last.to_at, last.reason) == (stretch.device_id, stretch.from_at, stretch.reason):
        found[-1] = Stretch(last.device_id, last.from_at, stretch.to_at, last.reason)
    else:
        found.append(stretch)


def _days(session: Session, employee_id: int, since: datetime, until: datetime) -> Iterator[datetime]:
    """Starts of whole days of UTC on which roster or badge may put the person somewhere."""
    rows = session.exec(select(Assignment).where(col(Assignment.employee_id) == employee_id)).all()
    badges = session.exec(select(CheckIn.checked_in_at).where(col(CheckIn.employee_id) == employee_id)).all()
    spans = [(at - DAY, at + 3 * DAY) for at in badges]
    for row in rows:
        last = datetime.combine(row.last_date, time(), UTC) + 3 * DAY if row.last_date else until
        spans.append((datetime.combine(row.first_date, time(), UTC) - DAY, last))
    day = datetime.combine(since.astimezone(UTC).date(), time(), UTC)
    while day < until:
        if any(first < day + DAY and last > day for first, last in spans):
            yield day
        day += DAY
