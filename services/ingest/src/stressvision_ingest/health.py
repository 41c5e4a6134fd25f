"""`/livez`, `/readyz` and `/metrics`: for supervisors and for Prometheus."""

import asyncio
from typing import Final

from fastapi import APIRouter, Response
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from stressvision_ingest import metrics
from stressvision_ingest.answers import json_response
from stressvision_ingest.errors import BusyError
from stressvision_ingest.parts import Parts
from stressvision_telemetry.metrics import render

DATABASE_TIMEOUT_S: Final = 3.0


def _ask(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


async def _check_database(engine: Engine) -> None:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await asyncio.to_thread(_ask, engine)
    except (SQLAlchemyError, TimeoutError) as error:
        raise BusyError(f"the database does not answer: {type(error).__name__}", retry_after_s=5) from None


def build_router(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["health of the service"])

    @router.get("/livez", summary="Is the process alive?")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz", summary="Would a batch be taken now?")
    async def readyz() -> Response:
        parts.coalescer.check()
        await _check_database(parts.engine)
        return json_response({"status": "ready", "queued": parts.coalescer.rows}, 200)

    @router.get("/metrics", summary="For Prometheus", response_class=Response)
    async def show_metrics() -> Response:
        metrics.QUEUED.set(parts.coalescer.rows)
        metrics.QUEUE_AGE.set(parts.coalescer.age_s())
        metrics.WRITERS.set(parts.coalescer.connections)
        body, content_type = render()
        return Response(body, media_type=content_type)

    return router
