"""A site's profile: one person may narrow it at once; to widen it, another person must agree within a week."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, text
from sqlmodel import Session, col, select, update

from stressvision_contracts.labels import SiteProfile
from stressvision_store.changes import attribution_changed
from stressvision_store.model_gates import person_of
from stressvision_store.paging import one, take
from stressvision_store.privacy_tables import ProfileChange
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Site

STRICTEST_FIRST: Final[tuple[SiteProfile, ...]] = ("off", "fatigue_only", "safety", "full")
BORN_AT_WIDEST: Final[SiteProfile] = "safety"
"""What one person may give a new site; nothing was ever observed there."""

PROPOSAL_HOLDS: Final = timedelta(days=7)


def is_wider(after: str, before: str) -> bool:
    order: Sequence[str] = STRICTEST_FIRST
    return order.index(after) > order.index(before)


def refuse_wide_birth(profile: SiteProfile) -> None:
    if is_wider(profile, BORN_AT_WIDEST):
        raise InvalidError(
            f"a site begins with {BORN_AT_WIDEST!r} or stricter; propose {profile!r} then, and another person confirms",
            field="profile",
        )


def change_profile(
    session: Session, site_id: int, profile: SiteProfile, *, actor: str, reason: str | None
) -> ProfileChange:
    """A stricter profile holds at once (`applied`); a wider one is `proposed`, and needs a reason.

    A stricter one takes an open proposal with it: what was proposed started from what no longer holds.
    """
    site = one(session, Site, site_id, "site", lock=True)
    if profile == site.profile:
        raise ConflictError(f"site {site_id} has the profile {profile!r} already", field="profile")
    now = session.scalar(select(func.now())) or datetime.now(UTC)
    _expire(session, site_id)
    change = ProfileChange(
        site_id=site_id, before=site.profile, after=profile, reason=reason, state="proposed", proposed_by=actor,
        expires_at=now + PROPOSAL_HOLDS,
    )  # fmt: skip
    if is_wider(profile, site.profile):
        if reason is None:
            raise InvalidError("to widen a profile, say why: the reason is kept", field="reason")
        waiting = _waiting(session, site_id)
        if waiting is not None:
            raise ConflictError(
                f"change {waiting.id} to {waiting.after!r} waits for confirmation at site {site_id}; "
                "confirm or reject it first",
                field="profile",
            )
        session.add(change)
        session.flush()
        session.refresh(change)
        return change
    waiting = _waiting(session, site_id)
    if waiting is not None:
        _decide(session, waiting, "rejected", actor, now)
    session.add(change)
    return _apply(session, change, actor, now)


def confirm_change(session: Session, change_id: int, *, actor: str) -> ProfileChange:
    """The second person's word; from now on the wider profile holds."""
    change, now = _open(session, change_id)
    if person_of(actor) == person_of(change.proposed_by):
        raise ConflictError(f"{person_of(actor)} proposed this change; another person must confirm it")
    return _apply(session, change, actor, now)


def reject_change(session: Session, change_id: int, *, actor: str) -> ProfileChange:
    """Anyone may reject, the one who proposed it included."""
    change, now = _open(session, change_id)
    return _decide(session, change, "rejected", actor, now)


def list_changes(
    session: Session, *, site_id: int | None = None, after: int | None, limit: int
) -> Sequence[ProfileChange]:
    """Newest first. What expired is shown as such, whether or not anybody has looked since."""
    _expire(session, site_id)
    statement = select(ProfileChange)
    if site_id is not None:
        statement = statement.where(col(ProfileChange.site_id) == site_id)
    return take(session, statement, key=col(ProfileChange.id), after=after, limit=limit, newest_first=True)


def _open(session: Session, change_id: int) -> tuple[ProfileChange, datetime]:
    change = one(session, ProfileChange, change_id, "profile change")
    site = one(session, Site, change.site_id, "site", lock=True)
    session.refresh(change, with_for_update=True)
    _expire(session, change.site_id)
    session.refresh(change)
    if change.state != "proposed":
        raise ConflictError(f"profile change {change_id} is {change.state}; propose it anew")
    if site.profile != change.before:
        raise ConflictError(f"site {site.id} has the profile {site.profile!r} by now; propose the change anew")
    return change, session.scalar(select(func.now())) or datetime.now(UTC)


def _apply(session: Session, change: ProfileChange, actor: str, now: datetime) -> ProfileChange:
    """What was observed since this moment, if anything, is rolled up under the new profile."""
    _decide(session, change, "applied", actor, now)
    session.execute(text("SELECT apply_profile_change(:change)"), {"change": change.id})
    session.expire_all()
    attribution_changed(session, site_id=change.site_id, since=now)
    return change


def _decide(session: Session, change: ProfileChange, state: str, actor: str, now: datetime) -> ProfileChange:
    change.state, change.decided_by, change.decided_at = state, actor, now
    session.add(change)
    session.flush()
    return change


def _waiting(session: Session, site_id: int) -> ProfileChange | None:
    return session.exec(
        select(ProfileChange).where(col(ProfileChange.site_id) == site_id, col(ProfileChange.state) == "proposed")
    ).first()


def _expire(session: Session, site_id: int | None) -> None:
    statement = update(ProfileChange).where(
        col(ProfileChange.state) == "proposed", col(ProfileChange.expires_at) <= func.now()
    )
    if site_id is not None:
        statement = statement.where(col(ProfileChange.site_id) == site_id)
    session.exec(statement.values(state="expired"))
