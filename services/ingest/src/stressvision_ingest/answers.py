"""Bodies of the small requests, in and out."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from stressvision_ingest.bodies import SMALL_BODY_BYTES, DisconnectedError, read_body
from stressvision_ingest.errors import BadEnvelopeError, BodyTimeoutError, NotJsonError
from stressvision_ingest.verdicts import field_of, printable

T = TypeVar("T")
SMALL_BODY_TIMEOUT_S = 10.0


async def read_small_body(request: Request) -> bytes:
    """Raise a `ProblemError` when it is too large, too slow or badly packed."""
    headers = dict(request.scope["headers"])
    try:
        return await read_body(headers, request.receive, limit=SMALL_BODY_BYTES, timeout_s=SMALL_BODY_TIMEOUT_S)
    except DisconnectedError:
        raise BodyTimeoutError("the sender went away before its body was complete") from None


def decode(body: bytes, type_: type[T]) -> T:
    """Raise `NotJsonError`, or `BadEnvelopeError` naming the field."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise BadEnvelopeError(printable(str(error)), field=field_of(str(error))) from None
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is no JSON: {printable(str(error))}") from None


def json_response(answer: Any, status: int, *, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(answer), status, headers, "application/json")
