"""A safety officer's look at one person: opened with a reason, over by the clock, and told to the person.

While it lasts, dashboards of the safety officers show that person (the data source is one for all of them). The view
`live_looks` decides what lasts; a withdrawn consent or an objection ends a look whatever is written in its row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, col, func, select

from stressvision_store import audit
from stressvision_store.locks import Lock, hold
from stressvision_store.paging import one, take
from stressvision_store.people import employee_named
from stressvision_store.personal_tables import Look
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Employee, Site

LONGEST: Final = timedelta(hours=8)
"""A shift; the table holds to it, too."""
MOST_AT_ONCE: Final = 5
"""Of one officer: a look is at a person, not at a workforce."""

MOST_A_DAY: Final = 20
"""Of one officer, those that are over included."""

_LIVE = "SELECT id FROM live_looks WHERE id = ANY(:ids)"
_CONSENTS = "SELECT EXISTS (SELECT FROM consenting WHERE employee_id = :employee_id)"
_END_BARRED = """
UPDATE looks SET ended_at = now(), ended_by = :by
WHERE employee_id = :employee_id AND ended_at IS NULL AND until > now()
  AND NOT EXISTS (SELECT FROM consenting c WHERE c.employee_id = looks.employee_id)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class PlacedLook:
    """A look with whom it is at, and whether it lasts."""

    look: Look
    pseudonym: str
    site: str
    live: bool


def open_look(
    session: Session, *, pseudonym: str, officer: str, actor: str, reason: str, lasting: timedelta
) -> PlacedLook:
    """From now on, for `lasting`, dashboards show that person. `officer`: the person; `actor`: with the token."""
    if not timedelta(0) < lasting <= LONGEST:
        raise InvalidError(f"a look lasts {LONGEST // timedelta(hours=1)} hours at most", field="hours")
    hold(session, Lock.LOOKS)
    employee = employee_named(session, pseudonym)
    if not session.scalar(text(_CONSENTS), {"employee_id": employee.id}):
        raise ConflictError(
            f"{pseudonym!r} has no active consent, or objects: nothing is shown of that person", field="employee"
        )
    _refuse_more(session, employee, officer)
    now: datetime = session.scalar(select(func.now()))  # type: ignore[assignment]
    look = Look(employee_id=employee.id or 0, officer=officer, reason=reason, until=now + lasting)
    session.add(look)
    session.flush()
    session.refresh(look)
    audit.append(
        session, actor=actor, action="look.open", subject=f"employee {employee.id}", look_id=look.id, reason=reason,
        until=look.until.isoformat(),
    )  # fmt: skip
    return _placed(session, [look])[0]


def _refuse_more(session: Session, employee: Employee, officer: str) -> None:
    now: datetime = session.exec(select(func.now())).one()
    statement = select(Look).where(Look.officer == officer, col(Look.since) > now - timedelta(days=1))
    today = session.exec(statement).all()
    live = [look for look in today if look.ended_at is None and look.until > now]
    for look in live:
        if look.employee_id == employee.id:
            raise ConflictError(
                f"you look at {employee.pseudonym!r} already, until {look.until.isoformat()} (look {look.id})"
            )
    if len(live) >= MOST_AT_ONCE:
        raise ConflictError(f"you look at {len(live)} people already, and no more at once; end one of these looks")
    if len(today) >= MOST_A_DAY:
        raise ConflictError(f"you have opened {len(today)} looks in the last 24 hours, and no more in a day")


def end_look(session: Session, look_id: int, *, actor: str) -> PlacedLook:
    """Before its time. One that is over stays as it was."""
    look = one(session, Look, look_id, "look", lock=True)
    now = session.scalar(select(func.now()))
    if look.ended_at is None and now is not None and look.until > now:
        look.ended_at, look.ended_by = now, actor
        session.flush()
        audit.append(session, actor=actor, action="look.end", subject=f"employee {look.employee_id}", look_id=look_id)
    return _placed(session, [look])[0]


def end_barred(session: Session, employee_id: int, *, actor: str) -> int:
    """End every look at a person who consents no more, or objects; return how many."""
    session.flush()
    ended = session.scalars(text(_END_BARRED), {"employee_id": employee_id, "by": actor}).all()
    for look_id in ended:
        audit.append(session, actor=actor, action="look.end", subject=f"employee {employee_id}", look_id=look_id)
    return len(ended)


def list_looks(
    session: Session, *, live: bool = False, employee_id: int | None = None, after: int | None, limit: int
) -> Sequence[PlacedLook]:
    """Newest first."""
    statement = select(Look)
    if live:
        statement = statement.where(text("looks.id IN (SELECT id FROM live_looks)"))
    if employee_id is not None:
        statement = statement.where(Look.employee_id == employee_id)
    return _placed(session, take(session, statement, key=col(Look.id), after=after, limit=limit, newest_first=True))


def _placed(session: Session, looks: Sequence[Look]) -> list[PlacedLook]:
    live = set(session.scalars(text(_LIVE), {"ids": [look.id for look in looks]}))
    places = []
    for look in looks:
        employee = one(session, Employee, look.employee_id, "employee")
        site = one(session, Site, employee.site_id, "site")
        places.append(PlacedLook(look, employee.pseudonym, site.name, look.id in live))
    return places
