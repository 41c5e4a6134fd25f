from pathlib import Path

import cv2
import numpy as np
import pytest

from stressvision_vision.faces import (
    DetectorError,
    HaarDetector,
    YuNetDetector,
    by_size,
    is_usable,
    open_detector,
    overlap,
)
from stressvision_vision.preprocess import Box
from support.pictures import portrait, room


@pytest.fixture(scope="module")
def detector():
    return HaarDetector()


@pytest.mark.parametrize("scale", [0.6, 0.8, 1.2, 1.6, 2.2])
def test_a_face_is_found_at_any_size_from_48_pixels(detector, scale):
    faces = detector.detect(portrait(scale, 60, 40))
    assert faces
    assert faces[0].w == pytest.approx(100 * scale, rel=0.35)


def test_an_empty_room_has_no_face(detector):
    assert detector.detect(room()) == []


def test_the_largest_of_two_faces_comes_first(detector):
    frame = portrait(1.5, 0, 20)
    frame[200:480, 400:640] = portrait(0.8, 0, 0)[:280, :240]
    faces = detector.detect(frame)
    assert len(faces) >= 1
    assert faces == by_size(faces)
    assert faces[0].x < 300


def test_near_finds_the_face_in_frame_coordinates(detector):
    frame = portrait(1.2)
    whole = detector.detect(frame)[0]
    moved = Box(whole.x + 15, whole.y - 10, whole.w, whole.h)
    assert overlap(detector.near(frame, moved)[0], whole) > 0.6


@pytest.mark.parametrize("box", [Box(-90, -90, 100, 100), Box(630, 470, 100, 100), Box(0, 0, 10, 10)])
def test_near_the_edge_of_a_frame_is_no_error(detector, box):
    assert detector.near(room(), box) == []


@pytest.mark.parametrize("shape", [(10, 10), (60, 40), (1, 640)])
def test_a_tiny_frame_has_no_face(detector, shape):
    assert detector.detect(np.zeros(shape, np.uint8)) == []


def test_a_sharp_face_is_usable(detector):
    frame = portrait(1.2)
    assert is_usable(frame, detector.detect(frame)[0])


@pytest.mark.parametrize(
    ("spoil", "box"),
    [
        (lambda frame: cv2.GaussianBlur(frame, (0, 0), 8), None),
        (lambda frame: np.full_like(frame, 40), None),
        (lambda frame: (frame // 24 + 10).astype(np.uint8), None),
        (lambda frame: frame, Box(200, 150, 47, 47)),
        (lambda frame: frame, Box(-60, 150, 160, 160)),
        (lambda frame: frame, Box(700, 150, 160, 160)),
    ],
    ids=["blurred", "flat", "dark", "too small", "cut off", "outside"],
)
def test_a_face_that_shows_too_little_is_not_usable(detector, spoil, box):
    frame = portrait(1.2)
    assert not is_usable(spoil(frame), box or detector.detect(frame)[0])


def test_overlap_of_a_box_with_itself_is_one_and_with_a_far_one_zero():
    assert overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1.0
    assert overlap(Box(0, 0, 10, 10), Box(20, 0, 10, 10)) == 0.0


def test_without_a_model_the_cascade_is_the_detector():
    assert isinstance(open_detector(), HaarDetector)


def test_a_missing_or_wrong_yunet_file_is_named(tmp_path: Path):
    with pytest.raises(DetectorError, match=r"nothing\.onnx is no file"):
        open_detector(tmp_path / "nothing.onnx")
    (tmp_path / "wrong.onnx").write_bytes(b"not a network")
    with pytest.raises(DetectorError, match=r"wrong.onnx is no YuNet model"):
        YuNetDetector(tmp_path / "wrong.onnx")
