"""The form in which a picture is taken: what has anything but grey pixels in it is refused, and said why."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stressvision_store.grey_png import LARGEST_SIDE, size_of
from stressvision_store.refusals import InvalidError

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(pixels: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


FACE = png(np.random.default_rng(1).integers(0, 256, (40, 24), np.uint8))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def made(
    *,
    side: int = 16,
    form: tuple[int, ...] = (8, 0, 0, 0, 0),
    rows: int | None = None,
    filter: int = 0,  # noqa: A002 - PNG's own word
    more: bytes = b"",
) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, *form)
    pixels = zlib.compress((bytes([filter]) + bytes(side)) * (rows or side))
    return SIGNATURE + chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@given(st.integers(16, 90), st.integers(16, 90), st.integers(0, 2**32 - 1))
def test_a_grey_picture_is_taken_with_its_size(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    assert size_of(png(pixels)) == (width, height)


def test_the_largest_is_taken_and_the_next_is_not() -> None:
    assert size_of(made(side=LARGEST_SIDE)) == (LARGEST_SIDE, LARGEST_SIDE)
    with pytest.raises(InvalidError, match="has 2049x2049 pixels; each side has 16 to 2048"):
        size_of(made(side=LARGEST_SIDE + 1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (cv2.imencode(".jpg", np.zeros((64, 64), np.uint8))[1].tobytes(), "is no PNG"),
        (b"", "is no PNG"),
        (SIGNATURE, "is cut off"),
        (png(np.zeros((64, 64, 3), np.uint8)), "is not grey with 8 bits"),
        (png(np.zeros((64, 64), np.uint16)), "is not grey with 8 bits"),
        (made(form=(8, 0, 0, 0, 1)), "is interlaced"),
        (made(more=chunk(b"eXIf", b"Callao")), "holds eXIf beside its pixels"),
        (made(more=chunk(b"tEXt", b"Author\0Rosa")), "holds tEXt beside its pixels"),
        (made() + b"a second picture", "goes on for 16 bytes after its end"),
        (made(rows=15), "does not hold the pixels"),
        (made(rows=1 << 20), "does not hold the pixels"),
        (made(side=8), "has 8x8 pixels"),
        (SIGNATURE + chunk(b"IEND", b""), "does not begin and end"),
        (made().replace(chunk(b"IEND", b""), chunk(b"IEND", b"Callao")), "does not begin and end"),
        (made(filter=5), "names a filter of rows that there is not"),
        (SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"IDAT", b"") + chunk(b"IHDR", b"") + chunk(b"IEND", b""),
         "holds IHDR"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_why(content: bytes, why: str) -> None:
    with pytest.raises(InvalidError, match=f"{why}.*dataset add"):
        size_of(content)


def test_no_part_of_a_picture_is_one() -> None:
    for end in range(len(FACE)):
        with pytest.raises(InvalidError, match=r"is cut off|is no PNG"):
            size_of(FACE[:end])


@given(st.integers(8, len(FACE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_seen(at: int, by: int) -> None:
    with pytest.raises(InvalidError):
        size_of(FACE[:at] + bytes([FACE[at] ^ by]) + FACE[at + 1 :])
