"""Changes after the fact: whatever alters who observed time belongs to has it rolled up again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from stressvision_store.marks import mark_events

ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any event: a shift or a time zone has no date from which it holds."""

_CHANGED = "attribution_changed"
_WAITING = "attribution_waiting"
_AHEAD = timedelta(days=2)
"""Nothing is observed later than now, save by a clock that is ahead; a device may be off by a day."""

_Whom = tuple[tuple[str, int], ...]
_Span = tuple[datetime, datetime]
Waiting = dict[_Whom, _Span]


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
    named = {"site_id": site_id, "station_id": station_id, "employee_id": employee_id, "device_id": device_id}
    whom = tuple((kind, number) for kind, number in named.items() if number is not None)
    span = since, until if until is not None else datetime.now(UTC) + _AHEAD
    waiting: Waiting | None = session.info.get(_WAITING)
    if waiting is None:
        _mark(session, whom, span)
    else:
        before = waiting.get(whom, span)
        waiting[whom] = min(before[0], span[0]), max(before[1], span[1])


@contextmanager
def many_changes(session: Session) -> Iterator[Waiting]:
    """Mark for all changes of the block at its end, each place once; not at all when it raises, or clears what waits.

    Marking locks the sites concerned against being rolled up, so a long block should not begin with it. None of its
    changes may take away what says which devices are concerned (an assignment, a placement).
    """
    waiting: Waiting = {}
    session.info[_WAITING] = waiting
    try:
        yield waiting
    finally:
        del session.info[_WAITING]
    for whom, span in waiting.items():
        _mark(session, whom, span)


def changed_attribution(session: Session) -> bool:
    """Whether this session has marked anything, so that the worker is worth waking once it has committed."""
    return bool(session.info.get(_CHANGED))


def _mark(session: Session, whom: _Whom, span: _Span) -> None:
    session.info[_CHANGED] = True
    mark_events(session, **dict(whom), since=span[0], until=span[1])
