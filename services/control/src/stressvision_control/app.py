"""The people's API: the workforce, the fleet, the models, and who may touch them."""

import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stressvision_control import errors, health
from stressvision_control.alerts.answers import router as alert_answers
from stressvision_control.alerts.endpoints import router as alerts
from stressvision_control.areas.endpoints import router as areas
from stressvision_control.assignments.endpoints import router as assignments
from stressvision_control.audit.endpoints import router as audit
from stressvision_control.check_ins.endpoints import router as check_ins
from stressvision_control.consents.endpoints import router as consents
from stressvision_control.dead_letters.endpoints import router as dead_letters
from stressvision_control.dependencies import CONCURRENT_REQUESTS
from stressvision_control.devices.endpoints import router as devices
from stressvision_control.employees.endpoints import router as employees
from stressvision_control.enrolment_codes.endpoints import router as enrolment_codes
from stressvision_control.headers import SafeHeaders
from stressvision_control.limits import Limit
from stressvision_control.looks.endpoints import router as looks
from stressvision_control.metrics import REQUEST_SECONDS, REQUESTS
from stressvision_control.models.endpoints import router as models
from stressvision_control.models.files import router as model_files
from stressvision_control.models.repository import router as model_repository
from stressvision_control.models.schemas import manifest_schema
from stressvision_control.my_data.endpoints import page_allowances
from stressvision_control.my_data.endpoints import router as my_data
from stressvision_control.my_data.links import router as personal_links
from stressvision_control.objections.endpoints import router as objections
from stressvision_control.pictures.endpoints import router as pictures
from stressvision_control.privacy.endpoints import router as privacy
from stressvision_control.privacy.notices import router as notices
from stressvision_control.reports.endpoints import router as reports
from stressvision_control.rollouts.endpoints import router as rollouts
from stressvision_control.roster.endpoints import router as roster
from stressvision_control.security import FailedAttempts
from stressvision_control.settings import Settings
from stressvision_control.shifts.endpoints import router as shifts
from stressvision_control.sites.endpoints import changes as profile_changes
from stressvision_control.sites.endpoints import router as sites
from stressvision_control.stations.endpoints import router as stations
from stressvision_control.status.endpoints import router as status
from stressvision_control.tokens.endpoints import router as tokens
from stressvision_control.training_jobs.endpoints import router as training_jobs
from stressvision_control.training_jobs.endpoints import trainers
from stressvision_control.training_jobs.trainer_endpoints import router as held_jobs
from stressvision_control.wake_up import waker
from stressvision_store.session import create_engine
from stressvision_telemetry.logs import configure_logs
from stressvision_telemetry.metrics import set_build_info

VERSION = "0.1.0"
MAX_BODY_BYTES = 1 << 20
MAX_ROSTER_BYTES = 8 << 20
"""Some 50,000 lines."""
MAX_OCTETS = 16 << 20
"""A model file, or a report about one."""
LONGER_BODIES = {
    r"/v1/roster": MAX_ROSTER_BYTES,
    r"/v1/pictures/[0-9a-f]{64}": 8 << 20,
    r"/v1/models/[^/]+/(file|reports/[^/]+)": MAX_OCTETS,
    r"/v1/model-repository/targets": MAX_OCTETS,
    r"/v1/training-jobs/[0-9]+/candidate": 48 << 20,  # a model with its reports
}
"""By path: these are read once it is known who is asking; everything else before that, and so is kept short."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

ROUTERS = (
    status, sites, profile_changes, areas, stations, shifts, employees, assignments, check_ins, consents, roster,
    notices, devices, enrolment_codes, dead_letters, models, model_files, model_repository, rollouts,
    training_jobs, held_jobs, trainers, pictures, alerts, alert_answers, reports, tokens, audit, privacy, looks,
    objections, personal_links, my_data, health.router,
)  # fmt: skip

API = APIRouter(generate_unique_id_function=lambda route: route.name)
"""Every route, once a process: FastAPI builds what an inclusion needs at its first request, in half a second."""
for part in ROUTERS:
    API.include_router(part)


def create_app(settings: Settings) -> FastAPI:
    """The application; it opens its first connection with its first request."""
    engine = create_engine(
        settings.control_database_url.get_secret_value(),
        pool_size=CONCURRENT_REQUESTS // 2,
        name="stressvision-control",
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        engine.dispose()

    app = FastAPI(
        title="Stress Vision control",
        version=VERSION,
        description="Workforce, fleet and models. Every route under /v1 says in `x-roles` which roles may use it.",
        lifespan=lifespan,
        docs_url="/docs" if settings.env == "development" else None,
        redoc_url=None,
    )
    app.state.engine = engine
    app.state.admin_token = settings.admin_token.get_secret_value() if settings.admin_token is not None else None
    app.state.signing_keys = settings.signing_keys
    app.state.failed_attempts = FailedAttempts()
    app.state.page_visits, app.state.page_exports = page_allowances()
    app.state.wake_worker = waker(settings.redis_url.get_secret_value() if settings.redis_url is not None else None)
    app.router.routes.extend(API.routes)
    errors.install(app)
    app.add_middleware(Limit)
    app.add_middleware(Edge)
    app.add_middleware(SafeHeaders)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with the problems and the manifest that its routes refer to."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document["components"]["schemas"]
        problem = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(problem.pop("$defs"))
        schemas["Problem"] = problem
        schemas.update(manifest_schema()[1])
        app.openapi_schema = document
    return app.openapi_schema


class Edge:
    """Counts and times requests, and stops a body that is too long while it arrives."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received, longest = 0, _longest_body(scope["path"])
        answered = "5xx"

        async def measured_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > longest:
                raise HTTPException(413, f"the body is longer than {longest} bytes; send it in parts")
            return message

        async def noted_send(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = f"{message['status'] // 100}xx"
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, measured_receive, noted_send)
        finally:
            REQUEST_SECONDS.observe(time.perf_counter() - started)
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(method, answered).inc()


def _longest_body(path: str) -> int:
    return next((size for form, size in LONGER_BODIES.items() if re.fullmatch(form, path)), MAX_BODY_BYTES)


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()  # type: ignore[call-arg]  # from the environment
    configure_logs(settings.log_level)
    # uvicorn raises the signal again once it has stopped cleanly; without this the exit status would be a failure
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    set_build_info("control", VERSION)
    uvicorn.run(
        create_app(settings),
        host=settings.control_host,
        port=settings.control_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
    )
