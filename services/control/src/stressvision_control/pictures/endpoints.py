"""Company pictures: put there by ML engineers, seen by few, every look kept in the audit."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from stressvision_control.dependencies import Octets, Page, SessionDep, WordPageDep, paged
from stressvision_control.fields import Id, Name
from stressvision_control.pictures.schemas import ErasedPictures, Label, PictureCount, PictureView, RemovedPicture
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, people, pictures

router = APIRouter(prefix="/v1/pictures", tags=["pictures"])
keepers = allow("admin", "ml", "privacy")

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The SHA-256 of the file, in hex")]
FILE = {"type": "string", "format": "binary"}
PICTURE = {"content": {pictures.MEDIA_TYPE: {"schema": FILE}}}
SENT = {"required": True} | PICTURE


@router.get("", summary="List pictures, without what is on them", **keepers)
def list_pictures(
    session: SessionDep,
    caller: CallerDep,
    page: WordPageDep,
    site_id: Annotated[Id | None, Query()] = None,
    label: Annotated[Label | None, Query()] = None,
) -> Page[PictureView]:
    rows = pictures.list_pictures(session, site_id=site_id, label=label, after=page.after, limit=page.limit)
    audit.append(session, actor=caller.actor, action="picture.list", subject="pictures", shown=len(rows))
    return paged([PictureView.model_validate(row) for row in rows], page.limit, key="digest")


@router.get("/summary", summary="Count pictures by site and label", **keepers)
def count_pictures(session: SessionDep, site_id: Annotated[Id | None, Query()] = None) -> Sequence[PictureCount]:
    return [PictureCount.model_validate(row) for row in pictures.summarise(session, site_id=site_id)]


@router.put("/{digest}", summary="Add a picture", status_code=201, **allow("admin", "ml", request_body=SENT))
def add_picture(
    session: SessionDep,
    caller: CallerDep,
    digest: Digest,
    label: Annotated[Label, Query()],
    site_id: Annotated[Id, Query()],
    response: Response,
    content: Octets,
    subject: Annotated[Name | None, Query(description="Whom it shows, by pseudonym; that person must consent")] = None,
    is_crop: Annotated[bool, Query(description="All of it is the face")] = False,
) -> PictureView:
    """A grey PNG with nothing in it but pixels, as `stressvision dataset add` makes of any picture.

    200 when it is there already, with the same label and person; 409 with another, or without consent.
    """
    row, is_new = pictures.add_picture(
        session,
        digest=digest,
        content=content,
        label=label,
        site_id=site_id,
        pseudonym=subject,
        is_crop=is_crop,
        added_by=caller.actor,
    )
    if is_new:
        facts = {"label": label, "site_id": site_id, "employee_id": row.employee_id}
        audit.append(session, actor=caller.actor, action="picture.add", subject=f"picture {digest}", **facts)
    else:
        response.status_code = 200
    return PictureView.model_validate(row)


@router.get("/{digest}", summary="Show what is known of a picture", **keepers)
def show_picture(session: SessionDep, caller: CallerDep, digest: Digest) -> PictureView:
    row = pictures.get_picture(session, digest)
    audit.append(session, actor=caller.actor, action="picture.show", subject=f"picture {digest}")
    return PictureView.model_validate(row)


@router.get(
    "/{digest}/content",
    summary="Look at a picture",
    response_class=Response,
    **allow("ml", "privacy", response=PICTURE),
)
def look_at_picture(session: SessionDep, caller: CallerDep, digest: Digest) -> Response:
    """Nobody else may, administrators included; the look is kept in the audit."""
    row = pictures.get_picture(session, digest)
    audit.append(session, actor=caller.actor, action="picture.read", subject=f"picture {digest}")
    return Response(row.content, media_type=row.media_type, headers={"Cache-Control": "no-store"})


@router.delete("/{digest}", summary="Remove a picture", **keepers)
def remove_picture(session: SessionDep, caller: CallerDep, digest: Digest) -> RemovedPicture:
    """What is on it is gone; the next run learns without it, and one that learnt from it publishes nothing."""
    row = pictures.remove_picture(session, digest)
    audit.append(session, actor=caller.actor, action="picture.remove", subject=f"picture {digest}")
    return RemovedPicture.model_validate(row)


@router.delete("", summary="Delete all pictures of a person", **allow("admin", "privacy"))
def erase_pictures(session: SessionDep, caller: CallerDep, subject: Annotated[Name, Query()]) -> ErasedPictures:
    """Their digests, too, and what past jobs listed of them."""
    employee_id = people.employee_named(session, subject).id or 0
    erased = pictures.erase_person(session, employee_id)
    whose = f"employee {employee_id}"
    audit.append(session, actor=caller.actor, action="picture.erase", subject=whose, pictures=erased)
    return ErasedPictures(pictures=erased)
