"""Read a request's body and unpack it, bounded on both sides: no body and no bomb costs more than its limit."""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Final

import zstandard
from starlette.types import Receive

from stressvision_ingest.errors import BodyTimeoutError, NotJsonError, TooLargeError, UnknownEncodingError

SMALL_BODY_BYTES: Final = 16_384
"""Of everything that is not a batch."""

_GZIP: Final = 31
"""zlib's window bits for gzip's own header and checksum."""

_ZSTD_WINDOW: Final = 1 << 23
"""Most memory that a zstd frame may ask for: what RFC 8878 section 3.1.1.1.2 says every decoder should support."""


class DisconnectedError(Exception):
    """The sender went away before its body was complete."""


def _refuse_announced(headers: Mapping[bytes, bytes], limit: int) -> None:
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > limit:
        raise TooLargeError(f"the body may have {limit} bytes; this one has {int(announced[:20])}; send less at once")


async def _receive(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"the body may have {limit} bytes; send less at once")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _gunzip(packed: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        body = unpacker.decompress(packed, limit + 1)
    except zlib.error as error:
        raise NotJsonError(f"the body is not valid gzip: {error}") from None
    if len(body) > limit or unpacker.unconsumed_tail:
        raise TooLargeError(f"the body may have {limit} bytes unpacked; send less at once")
    if not unpacker.eof or unpacker.unused_data:
        raise NotJsonError("the body is not one whole gzip member")
    return body


def _unzstd(packed: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with unpacker.stream_reader(packed) as reader:
            body = reader.read(limit + 1)
    except (zstandard.ZstdError, MemoryError) as error:
        raise NotJsonError(f"the body is not valid zstd: {error}") from None
    if len(body) > limit:
        raise TooLargeError(f"the body may have {limit} bytes unpacked; send less at once")
    return body


def unpack(packed: bytes, encoding: bytes, limit: int) -> bytes:
    """The body as it was before `Content-Encoding`. A cut zstd frame gives what it has; it will be no JSON."""
    match encoding.strip().lower():
        case b"" | b"identity":
            return packed
        case b"gzip" | b"x-gzip":
            return _gunzip(packed, limit)
        case b"zstd":
            return _unzstd(packed, limit)
        case other:
            raise UnknownEncodingError(
                f"Content-Encoding {other[:40].decode('latin-1')!r} is not known; send gzip or zstd"
            )


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, *, limit: int, timeout_s: float) -> bytes:
    """The unpacked body, `limit` bytes at most either way. Raise a `ProblemError` or `DisconnectedError`."""
    _refuse_announced(headers, limit)
    try:
        async with asyncio.timeout(timeout_s):
            packed = await _receive(receive, limit)
    except TimeoutError:
        raise BodyTimeoutError(f"the body did not arrive within {timeout_s:g} s") from None
    return unpack(packed, headers.get(b"content-encoding", b""), limit)
