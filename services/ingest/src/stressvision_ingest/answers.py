"""Bodies of the small requests, in and out."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Request, Response

from stressvision_ingest.bodies import SMALL_BODY_BYTES, DisconnectedError, read_body
from stressvision_ingest.errors import BodyTimeoutError

SMALL_BODY_TIMEOUT_S = 10.0


async def read_small_body(request: Request) -> bytes:
    """Raise a `ProblemError` when it is too large, too slow or badly packed."""
    headers = dict(request.scope["headers"])
    try:
        return await read_body(headers, request.receive, limit=SMALL_BODY_BYTES, timeout_s=SMALL_BODY_TIMEOUT_S)
    except DisconnectedError:
        raise BodyTimeoutError("the sender went away before its body was complete") from None


def json_response(answer: Any, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(answer), status, headers, "application/json")
