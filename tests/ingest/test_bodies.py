"""No body and no bomb costs more than its limit."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest
import zstandard

from stressvision_ingest.bodies import DisconnectedError, read_body, unpack
from stressvision_ingest.errors import BodyTimeoutError, NotJsonError, TooLargeError, UnknownEncodingError

LIMIT = 1 << 20


def read(*chunks: bytes, limit: int = LIMIT, timeout_s: float = 5.0, **headers: str) -> bytes:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    names = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}

    async def receive() -> dict:
        return messages.pop(0)

    return asyncio.run(read_body(names, receive, limit=limit, timeout_s=timeout_s))


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("", bytes), ("identity", bytes), ("gzip", gzip.compress), ("GZIP", gzip.compress), ("zstd", zstandard.compress)],
)
def test_unpacks_what_was_packed(encoding, pack):
    body = b'{"a": 1}' * 1_000
    packed = pack(body)
    assert read(packed[:10], packed[10:], content_encoding=encoding) == body


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_bomb_is_refused_before_it_goes_off(encoding, pack):
    bomb = pack(bytes(300 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            unpack(bomb, encoding.encode(), LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_the_limit_itself_is_allowed_and_one_byte_more_is_not(encoding, pack):
    assert len(unpack(pack(bytes(LIMIT)), encoding.encode(), LIMIT)) == LIMIT
    with pytest.raises(TooLargeError):
        unpack(pack(bytes(LIMIT + 1)), encoding.encode(), LIMIT)


def test_a_zstd_frame_that_asks_for_much_memory_is_refused():
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    unsized = wide.compressobj()
    frame = unsized.compress(b"x" * 100) + unsized.flush()
    with pytest.raises(NotJsonError, match="zstd"):
        unpack(frame, b"zstd", LIMIT)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"x" * 100, mtime=0)[:-5]),
        ("gzip", gzip.compress(b"x", mtime=0) + b"more"),
        ("gzip", zlib.compress(b"x")),
        ("gzip", b""),
        ("zstd", b"no zstd"),
    ],
)
def test_broken_packing_is_no_json(encoding, packed):
    with pytest.raises(NotJsonError):
        unpack(packed, encoding.encode(), LIMIT)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "gzip,gzip", "x" * 1000])
def test_other_encodings_are_unknown(encoding):
    with pytest.raises(UnknownEncodingError):
        read(b"x", content_encoding=encoding)


def test_a_body_announced_too_long_is_not_read():
    with pytest.raises(TooLargeError, match="1048577"):
        read(content_length=str(LIMIT + 1))
    with pytest.raises(TooLargeError):
        read(content_length="9" * 10_000)


def test_a_body_that_grows_too_long_is_not_read_to_its_end():
    with pytest.raises(TooLargeError):
        read(*[bytes(1000)] * 5, limit=4_000, content_length="10")


def test_a_body_that_never_ends_is_given_up():
    async def receive() -> dict:
        await asyncio.sleep(30)
        raise AssertionError

    with pytest.raises(BodyTimeoutError):
        asyncio.run(read_body({}, receive, limit=10, timeout_s=0.05))


def test_a_sender_that_goes_away_is_noticed():
    async def receive() -> dict:
        return {"type": "http.disconnect"}

    with pytest.raises(DisconnectedError):
        asyncio.run(read_body({}, receive, limit=10, timeout_s=1))
