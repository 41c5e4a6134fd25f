"""The one form in which a picture is taken: a grey PNG (ISO/IEC 15948) with nothing in it but pixels.

What a camera or an editor writes beside them (place, time, name, a preview in colour) has no field to be in. Walked
through with the standard library alone: a decoder of many formats is more than a service should open to a network.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from stressvision_store.refusals import InvalidError

LEAST_SIDE: Final = 16
"""Pixels."""
LARGEST_SIDE: Final = 2_048
"""Pixels: far more than a face needs, and a bound on what a picture unpacks to."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT: Final = (8, 0, 0, 0, 0)
"""Bits, colour type, compression, filter, interlace."""
_LAST_FILTER: Final = 4
_HOW: Final = "send what `stressvision dataset add` makes of it: a grey PNG of 8 bits with pixels alone"


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height in pixels; `InvalidError` for any other file, and for one that is cut off or damaged."""
    if not content.startswith(_SIGNATURE):
        raise _refused("is no PNG")
    chunks = list(_chunks(content))
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR" or chunks[-1] != (b"IEND", b"") or len(chunks[0][1]) != 13:
        raise _refused("does not begin and end as a PNG does")
    strangers = sorted({kind.decode("latin-1") for kind in kinds[1:-1]} - {"IDAT"})
    if strangers:
        raise _refused(f"holds {', '.join(strangers)} beside its pixels")
    width, height, *form = struct.unpack(">IIBBBBB", chunks[0][1])
    if tuple(form) != _GREY_8_BIT:
        raise _refused("is not grey with 8 bits, or is interlaced")
    if not all(LEAST_SIDE <= side <= LARGEST_SIDE for side in (width, height)):
        raise _refused(f"has {width}x{height} pixels; each side has {LEAST_SIDE} to {LARGEST_SIDE}")
    rows = _unpack(b"".join(data for kind, data in chunks if kind == b"IDAT"), height * (width + 1))
    if max(rows[:: width + 1]) > _LAST_FILTER:
        raise _refused("names a filter of rows that there is not")
    return width, height


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Length, kind, data, CRC of kind and data: https://www.w3.org/TR/png-3/#5Chunk-layout."""
    at, ended = len(_SIGNATURE), False
    while not ended:
        length, kind = struct.unpack_from(">I4s", content, at) if at + 12 <= len(content) else (0, b"")
        end = at + 12 + length
        if not kind or end > len(content):
            raise _refused("is cut off")
        data = content[at + 8 : end - 4]
        if struct.pack(">I", zlib.crc32(kind + data)) != content[end - 4 : end]:
            raise _refused(f"is damaged at byte {at}")
        yield kind, data
        at, ended = end, kind == b"IEND"
    if at != len(content):
        raise _refused(f"goes on for {len(content) - at} bytes after its end")


def _unpack(packed: bytes, size: int) -> bytes:
    """A row is a byte that names its filter and a byte per pixel."""
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise _refused("holds pixels that do not unpack") from error
    if len(rows) != size or not stream.eof or stream.unused_data:
        raise _refused("does not hold the pixels that its header promises")
    return rows


def _refused(what: str) -> InvalidError:
    return InvalidError(f"the file {what}; {_HOW}", field="body")
