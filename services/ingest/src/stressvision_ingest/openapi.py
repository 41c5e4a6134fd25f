"""The OpenAPI document: msgspec reads the bodies, so FastAPI is told their schemas by hand, from the contracts."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from stressvision_contracts.events import BatchReceipt, EventBatch
from stressvision_contracts.fleet import (
    Enrolment,
    EnrolmentRequest,
    Heartbeat,
    HeartbeatReply,
    KeyRotation,
    Token,
)
from stressvision_ingest.tokens import TokenRequest

_BODIES: Final = (
    EventBatch, BatchReceipt, EnrolmentRequest, Enrolment, TokenRequest, Token, KeyRotation, Heartbeat,
    HeartbeatReply,
)  # fmt: skip
_REFERENCE: Final = "#/components/schemas/{name}"
_REFUSALS: Final = (400, 401, 403, 404, 409, 410, 413, 415, 422, 429, 503)
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "path of the field to blame"},
        "server_time": {"type": "string", "format": "date-time"},
    },
}


def _content(type_: type[Any], media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": _REFERENCE.format(name=type_.__name__)}}}


def describe(
    request: type[Any], status: int, answer: type[Any] | None, *, form: bool = False, token: bool = False
) -> dict[str, Any]:
    """What FastAPI cannot know of an operation that reads its own body; `answer` None: it has none."""
    content = _content(request)
    if form:
        content |= _content(request, "application/x-www-form-urlencoded")
    problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    responses: dict[str, Any] = {
        str(code): {"description": HTTPStatus(code).phrase, "content": problem} for code in _REFUSALS
    }
    responses[str(status)] = {"description": HTTPStatus(status).phrase}
    if answer is not None:
        responses[str(status)]["content"] = _content(answer)
    described: dict[str, Any] = {"requestBody": {"required": True, "content": content}, "responses": responses}
    if token:
        described["security"] = [{"device": []}]
    return described


def describe_file(media_type: str, *statuses: int) -> dict[str, Any]:
    """Of an operation that gives a device a file."""
    problem = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(name="Problem")}}}
    file = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    responses: dict[str, Any] = {
        str(code): {"description": HTTPStatus(code).phrase, "content": problem} for code in (401, 403, 503)
    }
    for code in statuses:
        responses[str(code)] = {"description": HTTPStatus(code).phrase}
        if code != HTTPStatus.NOT_MODIFIED:
            responses[str(code)]["content"] = file if code < 400 else problem
    return {"responses": responses, "security": [{"device": []}]}


def install(app: FastAPI, *, events_path: str) -> None:
    """Replace `app.openapi` with one that also knows the contracts and the hot path."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _, schemas = msgspec.json.schema_components(_BODIES, ref_template=_REFERENCE)
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas | {"Problem": _PROBLEM})
            components["securitySchemes"] = {"device": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
            document["paths"][events_path] = {"post": _events()}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _events() -> dict[str, Any]:
    return {
        "tags": ["events"],
        "summary": "Send events; the receipt comes after they are committed",
        "description": "The body may be packed with gzip or zstd. One bad event never sinks its batch.",
        "operationId": "send_events",
        **describe(EventBatch, 202, BatchReceipt, token=True),
    }
