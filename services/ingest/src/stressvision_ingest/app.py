"""The intake as one ASGI application, and the process that serves it."""

import gc
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.routing import Route

from stressvision_ingest import enrolment, errors, events, health, heartbeats, keys, models, openapi
from stressvision_ingest.parts import build_parts
from stressvision_ingest.settings import Settings
from stressvision_telemetry.logs import configure_logs
from stressvision_telemetry.metrics import set_build_info

KEEP_ALIVE_S = 75
"""Longer than the pause between two batches of a healthy agent, so that its connection is used again."""

SHUTDOWN_S = 20
"""How long batches that are being stored may take to finish when the process is told to stop."""


GC_THRESHOLDS = (20_000, 20, 50)
"""Batches make no cycles, so looking for them after every 700 objects only costs time: 5 % of a batch of 500."""


def create_app(settings: Settings) -> FastAPI:
    parts = build_parts(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        parts.start()
        gc.freeze()  # what is there now lives as long as the process
        gc.set_threshold(*GC_THRESHOLDS)
        yield
        await parts.stop()

    app = FastAPI(
        title="Stress Vision intake",
        version=version("stressvision-ingest"),
        description="The device API: joining, events, heartbeats, models.",
        lifespan=lifespan,
        redoc_url=None,
    )
    endpoint = events.EventsEndpoint(parts)
    app.add_middleware(events.HotPath, endpoint=endpoint)
    app.router.routes.append(Route(events.PATH, endpoint, methods=["POST"]))  # for what is not POST: 405
    for part in (enrolment, keys, heartbeats, models, health):
        app.include_router(part.build_router(parts))
    errors.install(app)
    openapi.install(app, events_path=events.PATH)
    return app


def main() -> None:
    """Serve until SIGTERM; settings come from the environment."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        sys.exit(f"stressvision-ingest: {error}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again once all is answered
    configure_logs(settings.log_level)
    set_build_info("ingest", version("stressvision-ingest"))
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
