"""Every error is an RFC 9457 problem: what was wrong, with which value, what to do.

ProblemError              any status
├── UnauthenticatedError  401  no token, or none that may be used
├── ForbiddenError        403  a good token without the role
├── PurposeError          403  one person's data asked for without a reason
├── BadRosterError        422  a roster with lines that cannot be imported
├── PageError             any status, as a page for somebody with a browser
└── ThrottledError        429  too many bad tokens from one address

What the store refuses (`stressvision_store.refusals`) becomes 404, 409 or 422.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from stressvision_control.headers import HEADERS
from stressvision_control.metrics import FAULTS
from stressvision_store.refusals import InvalidError, NotFoundError, RefusedError
from stressvision_store.roster_csv import BadCell

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

_log = logging.getLogger(__name__)


class Fault(BaseModel):
    """One value that is wrong. Of a file, `field` names the column, and `line` and `value` say what stands where."""

    field: str
    message: str
    line: int | None = None
    value: str | None = None


class Problem(BaseModel):
    """RFC 9457. `title` says what sort of problem it is, `detail` what it is this time and what to do."""

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] = []


class ProblemError(Exception):
    """An answer other than success."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[Fault] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors


class UnauthenticatedError(ProblemError):
    def __init__(self, detail: str) -> None:
        super().__init__(401, detail, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ProblemError):
    def __init__(self, detail: str) -> None:
        super().__init__(403, detail)


class PurposeError(ForbiddenError):
    def __init__(self) -> None:
        super().__init__("looking at one person needs a reason: add ?reason=… (10 to 200 characters); it is kept")


class BadRosterError(ProblemError):
    def __init__(self, bad: Sequence[BadCell]) -> None:
        faults = [Fault(field=cell.column, message=cell.message, line=cell.line, value=cell.value) for cell in bad]
        lines = len({cell.line for cell in bad})
        super().__init__(
            422, f"nothing was imported: {lines} lines are bad; mend them and send it again", errors=faults
        )


class ThrottledError(ProblemError):
    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            429,
            f"too many bad tokens from this address; try again in {retry_after_s} s",
            headers={"Retry-After": str(retry_after_s)},
        )


class PageError(ProblemError):
    """`page`: HTML, for a person who came by a link."""

    def __init__(self, status: int, page: str, *, headers: Mapping[str, str]) -> None:
        super().__init__(status, HTTPStatus(status).phrase, headers=headers)
        self.page = page


def answer(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: list[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        errors=errors or [],
    )
    # in ASCII, since the name of an unknown field may hold half a surrogate pair, which UTF-8 cannot carry
    body = json.dumps(problem.model_dump(), ensure_ascii=True)
    return Response(body, status, headers=headers, media_type=MEDIA_TYPE)


def _place(request: Request) -> str:
    """The route, for the log: an address may have the key of a page in it."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "no route"))


def install(app: FastAPI) -> None:
    """Have `app` answer every error as a problem."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


def _on_problem(request: Request, error: Any) -> Response:
    return answer(request, error.status, error.detail, errors=error.errors, headers=error.headers)


def _on_page(_request: Request, error: Any) -> Response:
    return HTMLResponse(error.page, error.status, headers=error.headers)


def _on_refused(request: Request, error: Any) -> Response:
    errors = [Fault(field=error.field, message=str(error))] if error.field else []
    status = 404 if isinstance(error, NotFoundError) else 422 if isinstance(error, InvalidError) else 409
    return answer(request, status, str(error), errors=errors)


def _on_invalid(request: Request, error: Any) -> Response:
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return answer(request, 400, "the body is no JSON; mend it and send it again")
    errors = [Fault(field=_path(each["loc"]), message=each["msg"]) for each in error.errors()]
    detail = "; ".join(f"{each.field}: {each.message}" for each in errors)
    return answer(request, 422, detail, errors=errors)


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _on_http(request: Request, error: Any) -> Response:
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"there is nothing at {request.url.path}; /openapi.json lists what there is"
    elif error.status_code == 405:
        detail = f"{request.url.path} does not take {request.method}"
    return answer(request, error.status_code, detail, headers=error.headers)


def _on_integrity(request: Request, error: Any) -> Response:
    """Two requests at once, of which each alone was right. The row's values stay out of the answer."""
    constraint = error.orig.diag.constraint_name
    _log.warning("constraint refused a change", extra={"constraint": constraint, "path": _place(request)})
    return answer(request, 409, f"another change came first (constraint {constraint}); look again and repeat it")


def _on_data(request: Request, _error: Any) -> Response:
    """No table can hold it, whatever its schema says: text with a NUL, half a surrogate pair, a number too large."""
    _log.warning("the database cannot hold a value", extra={"path": _place(request)})
    detail = "a value is none that can be kept (a NUL or half a letter in a text, NaN, a number too large); mend it"
    return answer(request, 422, detail)


def _on_database_away(request: Request, error: Any) -> Response:
    clash = isinstance(getattr(error, "orig", None), psycopg.errors.DeadlockDetected | psycopg.errors.LockNotAvailable)
    detail = "another change stands in the way" if clash else "the database does not answer"
    _log.warning(detail, extra={"path": _place(request)})
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return answer(request, 503, f"{detail}; try again in {RETRY_AFTER_S} s", headers=headers)


def _on_database_error(request: Request, error: Any) -> Response:
    if error.connection_invalidated:
        return _on_database_away(request, error)
    return _on_fault(request, error)


def _on_fault(request: Request, error: Any) -> Response:
    FAULTS.inc()
    _log.error("request failed", exc_info=error, extra={"path": _place(request), "method": request.method})
    # this answer is made outside of what adds these to all others
    return answer(request, 500, "this is an error of the service; its log has the details", headers=HEADERS)


_HANDLERS: dict[type[Exception], Any] = {
    PageError: _on_page,
    ProblemError: _on_problem,
    RefusedError: _on_refused,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
    IntegrityError: _on_integrity,
    DataError: _on_data,
    OperationalError: _on_database_away,
    PoolTimeoutError: _on_database_away,
    DBAPIError: _on_database_error,
    Exception: _on_fault,
}
