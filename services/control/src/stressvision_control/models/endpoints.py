"""Models: which versions devices may name, and which one they should run."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Path, Response

from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_control.dependencies import Page, SessionDep, WordPageDep, paged
from stressvision_control.models.schemas import ModelDetail, ModelView
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, model_versions
from stressvision_store.refusals import InvalidError

router = APIRouter(prefix="/v1/models", tags=["models"])
readers = allow("admin", "operator", "ml")

Version = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
ManifestBody = Annotated[dict[str, Any], Body(json_schema_extra={"$ref": "#/components/schemas/Manifest"})]


@router.get("", summary="List models", **readers)
def list_models(session: SessionDep, page: WordPageDep) -> Page[ModelView]:
    rows = model_versions.list_models(session, after=page.after, limit=page.limit)
    return paged([ModelView.model_validate(row) for row in rows], page.limit, key="version")


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
    return ModelDetail.model_validate(row)


@router.get("/{version}", summary="Show a model and its manifest", **readers)
def show_model(session: SessionDep, version: Version) -> ModelDetail:
    return ModelDetail.model_validate(model_versions.get_model(session, version))


@router.post("/{version}/desire", summary="Have the whole fleet run this model", **allow("admin", "operator"))
def desire_model(session: SessionDep, caller: CallerDep, version: Version) -> ModelDetail:
    """Devices are told with their next heartbeat. One model is desired at a time."""
    row = model_versions.desire_model(session, version)
    audit.append(session, actor=caller.actor, action="model.desire", subject=f"model {version}")
    return ModelDetail.model_validate(row)


def _manifest(body: dict[str, Any]) -> Manifest:
    try:
        return read_manifest(msgspec.json.encode(body))
    except ValueError as error:
        raise InvalidError(f"this is no manifest: {error}", field="body") from error
