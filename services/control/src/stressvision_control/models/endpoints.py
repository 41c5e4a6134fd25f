"""Models: which versions there are, who let each through, and which one devices should run."""

import logging
from pathlib import Path as FilePath
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Path, Request, Response
from sqlmodel import Session

from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_control.dependencies import Page, SessionDep, WordPageDep, paged
from stressvision_control.models.schemas import ModelDetail, ModelView, OverrideView, ReasonBody, ReportView
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, model_files, model_gates, model_reports, model_versions
from stressvision_store.model_tables import ModelVersion
from stressvision_store.refusals import InvalidError
from stressvision_store.repository import publishing
from stressvision_store.repository.keys import KeyFileError, read_server_keys
from stressvision_store.repository.metadata import NoKeyError, NoRepositoryError, lock_repository
from stressvision_store.rollouts import orders

router = APIRouter(prefix="/v1/models", tags=["models"])
readers = allow("admin", "operator", "ml")
judges = allow("admin", "operator", "ml")

Version = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
ManifestBody = Annotated[dict[str, Any], Body(json_schema_extra={"$ref": "#/components/schemas/Manifest"})]

_log = logging.getLogger(__name__)


@router.get("", summary="List models", **readers)
def list_models(session: SessionDep, page: WordPageDep) -> Page[ModelView]:
    rows = model_versions.list_models(session, after=page.after, limit=page.limit)
    return paged([ModelView.of(row) for row in rows], page.limit, key="version")


@router.post("", summary="Register a model by its manifest", status_code=201, **allow("admin", "ml"))
def register_model(session: SessionDep, caller: CallerDep, body: ManifestBody, response: Response) -> ModelDetail:
    """200 when the very same manifest is registered already; 409 when the version means another file."""
    manifest = _manifest(body)
    row, is_new = model_versions.register_model(session, manifest, actor=caller.actor)
    if is_new:
        subject = f"model {row.version}"
        audit.append(session, actor=caller.actor, action="model.register", subject=subject, digest=row.digest)
    else:
        response.status_code = 200
    return detail_of(session, row)


@router.get("/{version}", summary="Show a model, its manifest, and who judged it", **readers)
def show_model(session: SessionDep, version: Version) -> ModelDetail:
    return detail_of(session, model_versions.get_model(session, version))


@router.post("/{version}/approve", summary="Let a candidate be rolled out", **judges)
def approve_model(session: SessionDep, caller: CallerDep, version: Version, request: Request) -> ModelDetail:
    """Another person than the one who registered it. Where the server has the targets key, it is published at once."""
    lock_repository(session)  # before the model's row, as whoever uploads signed targets does
    before = model_versions.get_model(session, version).state
    row = model_versions.approve_model(session, version, actor=caller.actor)
    if row.state != before:
        audit.append(session, actor=caller.actor, action="model.approve", subject=f"model {version}")
    notice = None
    try:
        publishing.publish(session, version, read_server_keys(_keys_folder(request)))
    except (NoKeyError, KeyFileError, NoRepositoryError) as error:
        _log.warning("an approved model is not published", extra={"version": version, "reason": str(error)})
        notice = f"approved, but devices cannot have it yet: {error}"
    return detail_of(session, row, notice)


@router.post("/{version}/publish", summary="Offer an approved model to devices", **judges)
def publish_model(session: SessionDep, caller: CallerDep, version: Version, request: Request) -> ModelDetail:
    """409 where the targets key is not on this server."""
    if publishing.publish(session, version, read_server_keys(_keys_folder(request))):
        audit.append(session, actor=caller.actor, action="model.publish", subject=f"model {version}")
    return detail_of(session, model_versions.get_model(session, version))


@router.post("/{version}/reject", summary="Say why a candidate will not do", **judges)
def reject_model(session: SessionDep, caller: CallerDep, version: Version, body: ReasonBody) -> ModelDetail:
    row = model_versions.reject_model(session, version)
    subject = f"model {version}"
    audit.append(session, actor=caller.actor, action="model.reject", subject=subject, reason=body.reason)
    return detail_of(session, row)


@router.post("/{version}/override", summary="Let a candidate pass although gates failed", **judges)
def override_gates(session: SessionDep, caller: CallerDep, version: Version, body: ReasonBody) -> ModelDetail:
    """Two named people must, each with a reason, neither of them the one who registered it."""
    unmet = model_gates.unmet_gates(model_versions.get_model(session, version).manifest)
    model_gates.override(session, version, actor=caller.actor, reason=body.reason)
    subject = f"model {version}"
    audit.append(session, actor=caller.actor, action="model.override", subject=subject, reason=body.reason, gates=unmet)
    return detail_of(session, model_versions.get_model(session, version))


@router.post("/{version}/retire", summary="Have a model never be used again", **allow("admin", "operator"))
def retire_model(session: SessionDep, caller: CallerDep, version: Version, request: Request) -> ModelDetail:
    """Where the server has the targets key, devices are not offered it any more from now on."""
    lock_repository(session)  # as above
    orders.refuse_in_use(session, version)
    row = model_versions.retire_model(session, version)
    audit.append(session, actor=caller.actor, action="model.retire", subject=f"model {version}")
    notice = None
    try:
        publishing.withdraw(session, version, read_server_keys(_keys_folder(request)))
    except (NoKeyError, KeyFileError) as error:
        notice = f"retired, but devices can still download it: {error}"
    except NoRepositoryError:
        _log.info("a model was retired that no repository ever offered", extra={"version": version})
    return detail_of(session, row, notice)


@router.post("/{version}/desire", summary="Have the whole fleet run this model", **allow("admin", "operator"))
def desire_model(session: SessionDep, caller: CallerDep, version: Version) -> ModelDetail:
    """Devices are told with their next heartbeat. One published model is desired at a time; no rollout may be live."""
    orders.refuse_while_live(session, version)
    row = model_versions.desire_model(session, version)
    audit.append(session, actor=caller.actor, action="model.desire", subject=f"model {version}")
    return detail_of(session, row)


def detail_of(session: Session, row: ModelVersion, notice: str | None = None) -> ModelDetail:
    """The row with what is kept of it elsewhere."""
    session.flush()
    session.refresh(row)
    overrides = model_gates.list_overrides(session, row.version)
    reports = model_reports.list_reports(session, row.version)
    return ModelDetail(
        **ModelView.of(row).model_dump(),
        manifest=row.manifest,
        has_file=model_files.find_file(session, row.digest) is not None,
        unmet_gates=model_gates.unmet_gates(row.manifest),
        untried_gates=model_gates.untried_gates(row.manifest),
        overrides=[OverrideView.model_validate(each) for each in overrides],
        reports=[ReportView.model_validate(each) for each in reports],
        notice=notice,
    )


def _keys_folder(request: Request) -> FilePath:
    """Read with each request, so that a key that was taken away is gone at once."""
    folder: FilePath = request.app.state.signing_keys
    return folder


def _manifest(body: dict[str, Any]) -> Manifest:
    try:
        return read_manifest(msgspec.json.encode(body))
    except ValueError as error:
        raise InvalidError(f"this is no manifest: {error}", field="body") from error
