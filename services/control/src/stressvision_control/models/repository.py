"""The signed repository as operators see it: what is in force, signing elsewhere, and taking it to an air gap."""

import io
import tarfile
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from tuf.api.metadata import Root, Targets

from stressvision_control.dependencies import Octets, SessionDep
from stressvision_control.models.files import BYTES
from stressvision_control.models.schemas import RepositoryView, RoleView, SignedView
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit
from stressvision_store.repository import metadata, publishing
from stressvision_store.repository.export import export_files
from stressvision_store.repository.keys import ServerKeys, read_server_keys
from stressvision_store.repository.metadata import ROLES, find_content, find_row, load

router = APIRouter(prefix="/v1/model-repository", tags=["models"])

JSON_FILE: Final[dict[str, Any]] = {"content": {"application/json": {"schema": {"type": "object"}}}}
TAR: Final = "application/x-tar"


@router.get("", summary="What is in force, until when, and who can sign", **allow("admin", "operator", "ml"))
def show_repository(session: SessionDep, request: Request) -> RepositoryView:
    root, keys = load(session, Root).signed, _keys(request)
    rows = [row for role in ROLES if (row := find_row(session, role)) is not None]
    roles = []
    for row in rows:
        named = root.get_delegated_role(row.role)
        roles.append(
            RoleView(
                role=row.role, version=row.version, expires_at=row.expires_at,
                key_ids=named.keyids, threshold=named.threshold,
            )
        )  # fmt: skip
    held = {"targets": keys.targets, "snapshot": keys.online, "timestamp": keys.online}
    signs = [
        role
        for role, key in held.items()
        if key is not None and key.public_key.keyid in root.get_delegated_role(role).keyids
    ]
    targets = load(session, Targets).signed.targets
    offered = sorted(path.removesuffix(publishing.SUFFIX) for path in targets)
    return RepositoryView(roles=roles, signs=signs, offered=offered)


@router.get(
    "/{role}",
    summary="The metadata in force of a role, as it was signed",
    response_class=Response,
    **allow("admin", "operator", "ml", response=JSON_FILE),
)
def show_metadata(session: SessionDep, role: Literal["root", "targets"]) -> Response:
    content = find_content(session, role, None)
    if content is None:
        raise metadata.NoRepositoryError
    return Response(content, media_type="application/json")


@router.post(
    "/targets",
    summary="Take targets that were signed where the targets key lies",
    **allow("admin", "operator", request_body={"required": True, **JSON_FILE}),
)
def take_targets(session: SessionDep, caller: CallerDep, request: Request, content: Octets) -> SignedView:
    """The signature must be good, the version the next one, and each target an approved model."""
    targets = metadata.read(content, Targets)
    offered = publishing.publish_signed(session, targets, _keys(request))
    audit.append(
        session, actor=caller.actor, action="model.sign", subject=f"targets {targets.signed.version}",
        key_ids=sorted(targets.signatures), offered=offered,
    )  # fmt: skip
    return SignedView(version=targets.signed.version, offered=offered)


@router.post(
    "/exports",
    summary="The repository as an archive, for devices without a network",
    response_class=Response,
    **allow("admin", "operator", response={"content": {TAR: BYTES}}),
)
def export_repository(
    session: SessionDep,
    caller: CallerDep,
    request: Request,
    days: Annotated[int, Query(ge=1, le=180, description="How long it is good")] = 30,
    version: Annotated[str | None, Query(max_length=64, description="This model alone")] = None,
) -> Response:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in export_files(session, _keys(request), days=days, version=version):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    audit.append(session, actor=caller.actor, action="model.export", subject="repository", days=days, version=version)
    return Response(packed.getvalue(), media_type=TAR)


def _keys(request: Request) -> ServerKeys:
    return read_server_keys(request.app.state.signing_keys)
