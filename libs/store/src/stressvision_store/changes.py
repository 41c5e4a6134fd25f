"""Changes after the fact: whatever alters who observed time belongs to has it rolled up again."""

from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from stressvision_store.marks import mark_events

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any event: a shift or a time zone has no date from which it holds."""

_CHANGED = "attribution_changed"
_AHEAD = timedelta(days=2)
"""Nothing is observed later than now, save by a clock that is ahead; a device may be off by a day."""


def attribution_changed(
    session: Session,
    *,
    since: datetime,
    until: datetime | None = None,
    site_id: int | None = None,
    station_id: int | None = None,
    employee_id: int | None = None,
    device_id: int | None = None,
) -> None:
    """Mark what was observed from `since` to `until` (None: until now), in the transaction of the change itself."""
    session.flush()
    mark_events(
        session,
        site_id=site_id,
        station_id=station_id,
        employee_id=employee_id,
        device_id=device_id,
        since=since,
        until=until if until is not None else datetime.now(UTC) + _AHEAD,
    )
    session.info[_CHANGED] = True


def changed_attribution(session: Session) -> bool:
    """Whether this session has marked anything, so that the worker is worth waking once it has committed."""
    return bool(session.info.get(_CHANGED))
