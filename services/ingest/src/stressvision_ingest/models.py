"""`GET /v1/models/…`: the signed repository from which devices update themselves, as a TUF client asks for it."""

import re
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Final, Literal, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from stressvision_ingest import metrics
from stressvision_ingest.errors import ProblemError, RangeError, UnknownFileError
from stressvision_ingest.openapi import describe_file
from stressvision_ingest.parts import Parts
from stressvision_ingest.shelf import Shelf
from stressvision_store.repository.metadata import Role

PATH: Final = "/v1/models"
METADATA_NAME: Final = re.compile(r"(?:(?P<version>[1-9][0-9]{0,8})\.)?(?P<role>root|targets|snapshot|timestamp)\.json")
TARGET_NAME: Final = re.compile(r"(?P<digest>[0-9a-f]{64})\.(?P<version>[A-Za-z0-9][A-Za-z0-9._+-]{0,63})\.tflite")
RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]{0,12})-(?P<last>[0-9]{0,12})")
CHUNK_BYTES: Final = 1 << 16


def wanted_metadata(name: str) -> tuple[Role, int | None]:
    """Role and version of a name such as `3.targets.json`; the newest (None) of the timestamp alone."""
    match = METADATA_NAME.fullmatch(name)
    if match is None or (match["version"] is None) != (match["role"] == "timestamp"):
        raise UnknownFileError(f"there is no metadata {name!r}")
    return cast("Role", match["role"]), int(match["version"]) if match["version"] else None


def wanted_bytes(headers: Mapping[str, str], size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte that are asked for (RFC 9110 section 14); None for all. Raise `RangeError`.

    What is no single range of bytes is ignored, as the RFC allows, and so is a range of another file.
    """
    match = RANGE.fullmatch(headers.get("range", ""))
    if match is None or headers.get("if-range", etag) != etag:
        return None
    first, last = match["first"], match["last"]
    if not first and not last:
        return None
    if not first:
        begin, end = max(0, size - int(last)), size - 1
    else:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < int(first):
            return None
    if begin >= size or end < begin:
        raise RangeError(f"the file has {size} bytes", size=size)
    return begin, end


def answer_file(headers: Mapping[str, str], content: bytes, digest: str) -> Response:
    """The file or the part of it that is asked for; 304 when the asker has it."""
    etag = f'"{digest}"'
    common = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in [tag.strip() for tag in headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=common)
    part = wanted_bytes(headers, len(content), etag)
    begin, end = part or (0, len(content) - 1)
    common["Content-Length"] = str(end - begin + 1)
    if part is not None:
        common["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
    status = 200 if part is None else 206
    return StreamingResponse(_chunks(content, begin, end), status, common, "application/octet-stream")


async def _chunks(content: bytes, begin: int, end: int) -> AsyncIterator[bytes]:
    """In small pieces: two hundred devices at once need not hold two hundred copies."""
    for at in range(begin, end + 1, CHUNK_BYTES):
        chunk = content[at : min(at + CHUNK_BYTES, end + 1)]
        metrics.MODEL_BYTES.inc(len(chunk))
        yield chunk


async def _metadata(parts: Parts, shelf: Shelf, request: Request, name: str) -> Response:
    await _admit(parts, request)
    role, version = wanted_metadata(name)
    content = await shelf.metadata(role, version)
    if content is None:
        raise UnknownFileError(f"there is no metadata {name!r}")
    metrics.MODEL_BYTES.inc(len(content))
    return Response(content, headers={"Cache-Control": "no-cache"}, media_type="application/json")


async def _target(parts: Parts, shelf: Shelf, request: Request, name: str) -> Response:
    await _admit(parts, request)
    match = TARGET_NAME.fullmatch(name)
    content = await shelf.target(match["version"], match["digest"]) if match is not None else None
    if match is None or content is None:
        raise UnknownFileError(f"there is no target {name!r}")
    return answer_file(request.headers, content, match["digest"])


async def _admit(parts: Parts, request: Request) -> None:
    """Raise a `ProblemError` unless it is a device that may speak."""
    await parts.roster.standing(parts.tokens.device_of(request.headers.get("authorization", "")))


async def _counted(kind: Literal["metadata", "target"], answer: Awaitable[Response]) -> Response:
    status = 500
    try:
        response = await answer
        status = response.status_code
        return response
    except ProblemError as error:
        status = error.status
        raise
    finally:
        metrics.MODEL_REQUESTS.labels(kind=kind, status=f"{status // 100}xx").inc()


def build_router(parts: Parts) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["models"])
    shelf = Shelf(parts.engine)

    @router.head("/metadata/{name}", include_in_schema=False)
    @router.get(
        "/metadata/{name}",
        summary="Signed metadata (TUF): timestamp.json, N.snapshot.json, N.targets.json, N.root.json",
        response_class=Response,
        openapi_extra=describe_file("application/json", 200, 404),
    )
    async def metadata(request: Request, name: str) -> Response:
        return await _counted("metadata", _metadata(parts, shelf, request, name))

    @router.head("/targets/{name}", include_in_schema=False)
    @router.get(
        "/targets/{name}",
        summary="A model file, DIGEST.VERSION.tflite, whole or a range of it",
        response_class=Response,
        openapi_extra=describe_file("application/octet-stream", 200, 206, 304, 404, 416),
    )
    async def target(request: Request, name: str) -> Response:
        return await _counted("target", _target(parts, shelf, request, name))

    return router
