"""The platform at a glance: counts, never people."""

from fastapi import APIRouter

from stressvision_control.dependencies import SessionDep
from stressvision_control.security import ROLES, allow
from stressvision_control.status.schemas import PlatformStatus
from stressvision_store.platform import read_status

router = APIRouter(prefix="/v1/status", tags=["status"])


@router.get("", summary="The platform at a glance", **allow(*ROLES))
def show_status(session: SessionDep) -> PlatformStatus:
    return PlatformStatus.model_validate(read_status(session))
