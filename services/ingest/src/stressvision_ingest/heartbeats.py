"""`POST /v1/heartbeat`: a device says how it is and learns what is wanted of it."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from stressvision_contracts.fleet import Heartbeat, HeartbeatReply
from stressvision_ingest import metrics
from stressvision_ingest.answers import json_response, read_small_body
from stressvision_ingest.decoding import check_clock, decode
from stressvision_ingest.openapi import describe
from stressvision_ingest.parts import Parts
from stressvision_store import devices, keys, rollouts
from stressvision_store.session import transaction

PATH: Final = "/v1/heartbeat"
_HEARTBEAT: Final = msgspec.json.Decoder(Heartbeat)


def _record(parts: Parts, device_id: int, heartbeat: Heartbeat, received_at: datetime) -> HeartbeatReply:
    """What is wanted is read in the same transaction: a pause or a new profile holds from this heartbeat on."""
    key_days = parts.settings.key_days
    with transaction(parts.engine) as session:
        device = devices.record_heartbeat(session, device_id, heartbeat, received_at)
        rotate_key = keys.should_rotate(
            device, greatest_age=timedelta(days=key_days) if key_days else None, at=received_at
        )
        rollouts.record_report(session, device_id, heartbeat, received_at)
        standing = devices.load_standing(session, device_id)
        desired = rollouts.desired_model(session, device_id)
    return HeartbeatReply(
        server_time=datetime.now(UTC),
        site_profile=standing.profile,
        desired_model=desired,
        paused=standing.paused,
        rotate_key=rotate_key,
    )


def build_router(parts: Parts) -> APIRouter:
    router = APIRouter(tags=["health of devices"])

    @router.post(
        PATH,
        summary="Say how the device is",
        response_class=Response,
        openapi_extra=describe(Heartbeat, 200, HeartbeatReply, token=True),
    )
    async def heartbeat(request: Request) -> Response:
        received_at = datetime.now(UTC)
        device_id = parts.tokens.device_of(request.headers.get("authorization", ""))
        await parts.roster.standing(device_id)
        said = decode(await read_small_body(request), _HEARTBEAT)
        check_clock(sent_at=said.sent_at)
        reply = await run_in_threadpool(_record, parts, device_id, said, received_at)
        metrics.HEARTBEATS.inc()
        return json_response(reply, 200)

    return router
