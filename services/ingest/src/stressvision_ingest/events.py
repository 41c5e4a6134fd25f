"""`POST /v1/events`: a batch in, a receipt out after commit. Plain ASGI, because this is the one hot path."""

import time
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from math import ceil
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from stressvision_contracts.events import MAX_BODY_BYTES, BatchReceipt
from stressvision_contracts.labels import SiteProfile
from stressvision_ingest import metrics
from stressvision_ingest.bodies import DisconnectedError, read_body
from stressvision_ingest.clocks import now_us
from stressvision_ingest.errors import BusyError, ProblemError, TooManyError, problem_of
from stressvision_ingest.parts import Parts
from stressvision_ingest.rules import Terms
from stressvision_ingest.verdicts import Judged, judge

PATH: Final = "/v1/events"

_ENCODER: Final = msgspec.json.Encoder()
_STORED: Final = metrics.EVENTS.labels(verdict="stored")
_HEADERS: Final = ((b"content-type", b"application/json"),)


class HotPath:
    """In front of everything else, so that a batch does not pay for what the small requests need."""

    def __init__(self, app: ASGIApp, endpoint: "EventsEndpoint") -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST":
            await self._endpoint(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class EventsEndpoint:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun_s, received_us = time.monotonic(), now_us()
        try:
            receipt = await self._take(dict(scope["headers"]), receive, received_us)
        except ProblemError as error:
            await problem_of(error)(scope, receive, send)
            return
        except DisconnectedError:
            return
        metrics.REQUEST_SECONDS.observe(time.monotonic() - begun_s)
        await _answer(send, _ENCODER.encode(receipt))

    async def _take(self, headers: dict[bytes, bytes], receive: Receive, received_us: int) -> BatchReceipt:
        device_id = self._parts.tokens.device_of(headers.get(b"authorization", b"").decode("latin-1"))
        standing = await self._parts.roster.standing(device_id)
        self._parts.coalescer.check()
        self._check_pressure(device_id)
        if self._open >= self._parts.settings.open_requests:
            raise BusyError(f"{self._open} batches are being read; send again")
        self._open += 1
        try:
            timeout_s = self._parts.settings.body_timeout_s
            body = await read_body(headers, receive, limit=MAX_BODY_BYTES, timeout_s=timeout_s)
            judged = await self._judge(body, device_id, standing.profile, received_us)
            self._parts.device_allowances.spend(device_id, judged.size)
            receipt = await self._parts.coalescer.store(judged)
        finally:
            self._open -= 1
        _count(judged, receipt)
        return receipt

    def _check_pressure(self, device_id: int) -> None:
        """While the queue is half full, a device with a backlog waits so that live ones get through."""
        if self._parts.coalescer.under_pressure:
            wait_s = self._parts.device_allowances.wait_s(device_id)
            if wait_s > 0:
                raise TooManyError("this device has sent more than its share; wait", retry_after_s=ceil(wait_s))

    async def _judge(self, body: bytes, device_id: int, profile: SiteProfile, received_us: int) -> Judged:
        roster = self._parts.roster
        judged = judge(body, self._terms(device_id, profile, received_us))
        if judged.unknown_models - roster.models.keys():
            await roster.refresh_soon()  # it may have been registered a moment ago
            if judged.unknown_models & roster.models.keys():
                judged = judge(body, self._terms(device_id, profile, received_us))
        return judged

    def _terms(self, device_id: int, profile: SiteProfile, received_us: int) -> Terms:
        return Terms(
            device_id=device_id,
            profile=profile,
            models=self._parts.roster.models,
            received_us=received_us,
            oldest_event_days=self._parts.settings.oldest_event_days,
            newest_event_s=self._parts.settings.newest_event_s,
        )


async def _answer(send: Send, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": HTTPStatus.ACCEPTED.value, "headers": [*_HEADERS, length]})
    await send({"type": "http.response.body", "body": body})


def _count(judged: Judged, receipt: BatchReceipt) -> None:
    _STORED.inc(receipt.stored)
    if receipt.duplicate:
        metrics.EVENTS.labels(verdict="duplicate").inc(receipt.duplicate)
    if receipt.rejected:
        metrics.EVENTS.labels(verdict="rejected").inc(len(receipt.rejected))
        _count_reasons(rejection.reason for rejection in receipt.rejected)
    if judged.repaired:
        metrics.REPAIRED.inc()


def _count_reasons(reasons: Iterable[str]) -> None:
    for reason, times in Counter(reasons).items():
        metrics.REJECTED.labels(reason=reason).inc(times)
