"""Why a request is refused, each with its status, written as RFC 9457 problem documents.

ProblemError
├── NotJsonError          400  the body is no JSON, or its compression is broken
├── UnauthorizedError     401  no token, or one that does not hold; carries the server's time
├── RevokedDeviceError    403  the device was shut out
├── UnknownCodeError      404  no such enrolment code
├── UnknownFileError      404  no such metadata or model
├── BodyTimeoutError      408  the body did not arrive in time
├── UsedCodeError         409  another device has used this enrolment code
├── TakenKeyError         409  another device has this key, or it is the one to be replaced
├── ExpiredCodeError      410  this enrolment code came too late
├── TooLargeError         413  more bytes or events than a batch may have
├── UnknownEncodingError  415  neither gzip nor zstd nor plain
├── RangeError            416  a range beyond the end of a file
├── BadEnvelopeError      422  JSON, but not what is asked for; names the field
├── TooManyError          429  this device or address asks too often
└── BusyError             503  the queue is full or old, or the database is away: nothing was taken
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

import msgspec
from fastapi import FastAPI, Request, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from stressvision_ingest.metrics import PROBLEMS

log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"


class ProblemError(Exception):
    """`members` are extension members of the problem document."""

    status: ClassVar[HTTPStatus]

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members

    def headers(self) -> dict[str, str]:
        return {}


class NotJsonError(ProblemError):
    status = HTTPStatus.BAD_REQUEST


class UnauthorizedError(ProblemError):
    """`server_time` lets a device whose clock is wrong sign relative to ours."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail, server_time=datetime.now(UTC), **members)

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="stressvision", error="invalid_token"'}


class RevokedDeviceError(ProblemError):
    status = HTTPStatus.FORBIDDEN


class UnknownCodeError(ProblemError):
    status = HTTPStatus.NOT_FOUND


class UnknownFileError(ProblemError):
    status = HTTPStatus.NOT_FOUND


class RangeError(ProblemError):
    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def headers(self) -> dict[str, str]:
        return {"Content-Range": f"bytes */{self.members['size']}"}


class BodyTimeoutError(ProblemError):
    status = HTTPStatus.REQUEST_TIMEOUT


class UsedCodeError(ProblemError):
    status = HTTPStatus.CONFLICT


class TakenKeyError(ProblemError):
    status = HTTPStatus.CONFLICT


class ExpiredCodeError(ProblemError):
    status = HTTPStatus.GONE


class TooLargeError(ProblemError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnknownEncodingError(ProblemError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE

    def headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "gzip, zstd"}


class BadEnvelopeError(ProblemError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class _LaterError(ProblemError):
    def __init__(self, detail: str, *, retry_after_s: int = 1, **members: Any) -> None:
        super().__init__(detail, **members)
        self.retry_after_s = retry_after_s

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class TooManyError(_LaterError):
    status = HTTPStatus.TOO_MANY_REQUESTS


class BusyError(_LaterError):
    status = HTTPStatus.SERVICE_UNAVAILABLE


def problem(status: int, detail: str, members: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    PROBLEMS.labels(status=str(status)).inc()
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return Response(msgspec.json.encode(body), status, headers, PROBLEM_TYPE)


def problem_of(error: ProblemError) -> Response:
    return problem(error.status, error.detail, error.members, error.headers())


def install(app: FastAPI) -> None:
    """Every refusal of this service leaves as a problem document."""

    @app.exception_handler(ProblemError)
    async def _refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return problem_of(error)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, str(error.detail), {}, error.headers)

    @app.exception_handler(PoolTimeoutError)
    @app.exception_handler(DBAPIError)
    async def _away(_request: Request, error: Exception) -> Response:
        log.warning("the database failed a request", extra={"error": str(error)[:300]})
        return problem_of(BusyError("the database is away; send again", retry_after_s=5))

    @app.exception_handler(Exception)
    async def _broken(_request: Request, _error: Exception) -> Response:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the server; it has been logged", {})
