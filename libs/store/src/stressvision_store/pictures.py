"""The company's own pictures: added with a label, read by few, gone from training with their person's consent."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Row, delete, func, or_, text
from sqlalchemy import select as columns
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from stressvision_store.grey_png import size_of
from stressvision_store.paging import one, take
from stressvision_store.people import employee_named
from stressvision_store.personal_tables import Objection
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.training_tables import Picture, TrainingPicture
from stressvision_store.workforce_tables import Consent, Site

LARGEST_BYTES: Final = 8 << 20
MEDIA_TYPE: Final = "image/png"


class DatasetChangedError(ConflictError):
    """A picture that a job learnt from may not be learnt from any more."""


def add_picture(
    session: Session,
    *,
    digest: str,
    content: bytes,
    label: str,
    site_id: int,
    pseudonym: str | None,
    is_crop: bool,
    added_by: str,
) -> tuple[Picture, bool]:
    """The row, and whether it is new. A person needs an active consent; a picture has one label and one person.

    `InvalidError` for a `content` that has not the `digest`, or is not in the form of `grey_png`.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise InvalidError("the file is not the one that its digest names; send it again", field="digest")
    width, height = size_of(content)
    one(session, Site, site_id, "site")
    employee_id = None if pseudonym is None else _consenting(session, pseudonym, site_id)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:digest))"), {"digest": digest})
    known = session.get(Picture, digest)
    if known is not None and known.content is not None:
        if (known.label, known.site_id, known.employee_id) != (label, site_id, employee_id):
            raise ConflictError(
                f"this picture is there already, as {known.label!r} of site {known.site_id}; remove that one first",
                field="digest",
            )
        return known, False
    row = known or Picture(digest=digest)  # type: ignore[call-arg]  # the rest follows
    row.content, row.media_type, row.width, row.height, row.is_crop = content, MEDIA_TYPE, width, height, is_crop
    row.label, row.site_id, row.employee_id, row.added_by = label, site_id, employee_id, added_by
    row.removed_at = None
    if known is not None:
        row.added_at = session.scalar(select(func.now()))  # type: ignore[assignment]
    session.add(row)
    session.flush()
    session.refresh(row)
    return row, True


def _consenting(session: Session, pseudonym: str, site_id: int) -> int:
    employee = employee_named(session, pseudonym)
    if employee.site_id != site_id:
        raise ConflictError(f"{employee.pseudonym!r} is of site {employee.site_id}, not {site_id}", field="site_id")
    if session.exec(select(Consent.id).where(_consents_now(col(Consent.employee_id) == employee.id))).first() is None:
        raise ConflictError(
            f"{employee.pseudonym!r} has no active consent, or objects: no picture of that person may be kept",
            field="subject",
        )
    return employee.id or 0


def _consents_now(whose: ColumnElement[bool]) -> ColumnElement[bool]:
    """And no objection stands."""
    still = or_(col(Consent.withdrawn_at).is_(None), col(Consent.withdrawn_at) > func.now())
    stands = or_(col(Objection.ended_at).is_(None), col(Objection.ended_at) > func.now())
    objects = select(Objection.id).where(
        col(Objection.employee_id) == col(Consent.employee_id), col(Objection.raised_at) <= func.now(), stands
    )
    return whose & (col(Consent.given_at) <= func.now()) & still & ~objects.exists()


def usable() -> ColumnElement[bool]:
    """What of `pictures` may be learnt from now: not removed, and of nobody, or of somebody who consents."""
    consents = select(Consent.id).where(_consents_now(col(Consent.employee_id) == col(Picture.employee_id)))
    return col(Picture.removed_at).is_(None) & or_(col(Picture.employee_id).is_(None), consents.exists())


def get_picture(session: Session, digest: str) -> Picture:
    """With its content; `NotFoundError` when it was removed, too."""
    row = one(session, Picture, digest, "picture")
    if row.content is None:
        raise NotFoundError(f"picture {digest[:12]}… was removed")
    return row


def list_pictures(
    session: Session,
    *,
    site_id: int | None = None,
    label: str | None = None,
    after: str | None,
    limit: int,
) -> Sequence[Picture]:
    """Those that are kept, whether or not they may be learnt from now."""
    statement = select(Picture).options(defer(Picture.content))  # type: ignore[arg-type]
    statement = statement.where(col(Picture.removed_at).is_(None))
    for column, wanted in (
        (Picture.site_id, site_id),
        (Picture.label, label),
    ):
        if wanted is not None:
            statement = statement.where(col(column) == wanted)
    return take(session, statement, key=col(Picture.digest), after=after, limit=limit)


def summarise(session: Session, *, site_id: int | None = None) -> Sequence[Row[tuple[int, str, int, int, int]]]:
    """Per site and label: pictures kept, how many of them may be learnt from now, and of how many people."""
    statement = (
        columns(
            col(Picture.site_id),
            col(Picture.label),
            func.count().label("pictures"),
            func.count().filter(usable()).label("usable"),
            func.count(col(Picture.employee_id).distinct()).label("people"),
        )
        .where(col(Picture.removed_at).is_(None))
        .group_by(col(Picture.site_id), col(Picture.label))
        .order_by(col(Picture.site_id), col(Picture.label))
    )
    if site_id is not None:
        statement = statement.where(col(Picture.site_id) == site_id)
    return session.execute(statement).all()


def remove_picture(session: Session, digest: str) -> Picture:
    """Its content is gone with the transaction; the digest stays, so that it is known to have been there."""
    row = one(session, Picture, digest, "picture", lock=True)
    if row.removed_at is None:
        row.content, row.removed_at = None, session.scalar(select(func.now()))
        session.flush()
    return row


def erase_person(session: Session, employee_id: int) -> int:
    """Delete every trace of a person's pictures, those of past jobs' lists included; return how many there were."""
    digests = session.exec(select(Picture.digest).where(col(Picture.employee_id) == employee_id)).all()
    session.exec(delete(TrainingPicture).where(col(TrainingPicture.digest).in_(digests)))
    session.exec(delete(Picture).where(col(Picture.employee_id) == employee_id))
    return len(digests)
