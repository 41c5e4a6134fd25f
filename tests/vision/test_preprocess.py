"""Crops: square about the face, padded by the edge, at the manifest's size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_contracts.manifest import InputSpec
from stressvision_vision.preprocess import Box, crop, resize

SPEC = InputSpec(height=48, width=48, channels=1, margin=0.0)


def _frame(height: int = 120, width: int = 160) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return ((x + 2 * y) % 256).astype(np.uint8)


def test_a_box_of_the_models_size_comes_out_untouched() -> None:
    frame = _frame()
    assert np.array_equal(crop(frame, Box(10, 20, 48, 48), SPEC), frame[20:68, 10:58])


def test_an_oblong_box_becomes_the_square_about_its_centre() -> None:
    frame = _frame()
    assert np.array_equal(crop(frame, (20, 20, 48, 32), SPEC), frame[12:60, 20:68])


def test_the_margin_is_added_on_every_side() -> None:
    frame = _frame()
    spec = InputSpec(height=64, width=64, channels=1, margin=0.5)
    assert np.array_equal(crop(frame, (40, 40, 32, 32), spec), frame[24:88, 24:88])


def test_beyond_the_frame_the_edge_is_repeated() -> None:
    frame = _frame()
    face = crop(frame, (-24, 0, 48, 48), SPEC)
    assert np.array_equal(face[:, 24:], frame[:48, :24])
    assert np.array_equal(face[:, 0], frame[:48, 0])


def test_shrinking_averages_so_that_no_pixel_is_lost() -> None:
    frame = np.zeros((96, 96), np.uint8)
    frame[::2] = 200
    assert set(crop(frame, (0, 0, 96, 96), SPEC).ravel().tolist()) == {100}


@given(
    x=st.integers(-60, 150),
    y=st.integers(-60, 110),
    w=st.integers(1, 200),
    h=st.integers(1, 200),
    margin=st.floats(0, 1),
)
def test_any_box_gives_a_crop_or_a_clear_refusal(x: int, y: int, w: int, h: int, margin: float) -> None:
    spec = InputSpec(height=40, width=48, channels=1, margin=margin)
    try:
        face = crop(_frame(), (x, y, w, h), spec)
    except ValueError as error:
        assert "outside the frame" in str(error)
    else:
        assert face.shape == (40, 48)
        assert face.dtype == np.uint8


@pytest.mark.parametrize(
    ("frame", "box", "says"),
    [
        (np.zeros((48, 48, 3), np.uint8), (0, 0, 9, 9), "grey uint8 frame"),
        (np.zeros((48, 48), np.float32), (0, 0, 9, 9), "float32"),
        (np.zeros((48, 48), np.uint8), (0, 0, 0, 9), "no area"),
        (np.zeros((48, 48), np.uint8), (60, 0, 9, 9), "outside the frame of 48x48"),
    ],
)
def test_what_cannot_be_cropped_is_named(frame: np.ndarray, box: tuple[int, int, int, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        crop(frame, box, SPEC)


def test_an_empty_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="grey uint8 crop"):
        resize(np.zeros((0, 5), np.uint8), SPEC)
