"""Whether the process lives, whether it can work, and what it has counted."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from stressvision_control.dependencies import SessionDep
from stressvision_telemetry.metrics import render

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/livez", summary="Whether the process answers")
def livez() -> Health:
    return Health(status="alive")


@router.get("/readyz", summary="Whether the database answers too; 503 when it does not")
def readyz(session: SessionDep) -> Health:
    session.execute(text("SELECT 1 FROM api_tokens LIMIT 1"))
    return Health(status="ready")


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(_request: Request) -> Response:
    body, content_type = render()
    return Response(body, media_type=content_type)
