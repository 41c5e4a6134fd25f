"""How many requests one caller may make: a bucket for each token, or for each address that sends none."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from stressvision_control.errors import answer
from stressvision_control.metrics import THROTTLED

RATE_PER_S: Final = 100.0
BURST: Final = 1000
CALLERS: Final = 10_000
"""Remembered at most; who was away longest goes first."""

FREE: Final = frozenset({"/livez", "/readyz", "/metrics"})


class Allowances:
    """Each caller has `burst` requests at once, and `rate` more a second."""

    def __init__(
        self, *, rate: float = RATE_PER_S, burst: int = BURST, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def spend(self, caller: bytes) -> float:
        """Seconds to wait before the next request; 0 where this one may pass."""
        now = self._now()
        left, at = self._left.pop(caller, (float(self._burst), now))
        left = min(float(self._burst), left + (now - at) * self._rate)
        passes = left >= 1
        self._left[caller] = (left - 1 if passes else left, now)
        if len(self._left) > CALLERS:
            self._left.popitem(last=False)
        return 0.0 if passes else (1 - left) / self._rate


class Limit:
    """Answers 429 to who asks too often, before anything is looked up."""

    def __init__(self, app: ASGIApp, allowances: Allowances | None = None) -> None:
        self._app = app
        self._allowances = allowances or Allowances()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        wait_s = self._allowances.spend(_caller(scope))
        if wait_s == 0:
            await self._app(scope, receive, send)
            return
        THROTTLED.inc()
        seconds = ceil(wait_s)
        detail = f"too many requests from this caller; try again in {seconds} s"
        response = answer(Request(scope), 429, detail, headers={"Retry-After": str(seconds)})
        await response(scope, receive, send)


def _caller(scope: Scope) -> bytes:
    """No token is remembered, only a digest of it."""
    said = dict(scope["headers"]).get(b"authorization")
    if said is None:
        client = scope.get("client")
        said = b"from " + (client[0].encode() if client else b"nowhere")
    return hashlib.blake2b(said, digest_size=16).digest()
