"""Real cameras: picamera2 by a double that keeps its protocol, V4L2 as far as a machine without one can."""

import sys
import time
from itertools import repeat

import numpy as np
import pytest

from stressvision_agent.camera import CameraError, SourceError, open_source
from stressvision_agent.camera.devices import is_full_range
from support import picamera2_double
from support.picamera2_double import FULL, Picamera2
from support.pictures import portrait

SIZE = {"width": 640, "height": 480, "fps": 15}


def install(monkeypatch, scene, **changes):
    picamera2_double.install(monkeypatch.setitem, sys.modules, iter(scene), **changes)


@pytest.mark.parametrize("padding", [0, 32, 64])
def test_pi_frames_are_cut_from_their_padding_and_brought_to_full_range(monkeypatch, padding):
    grey = portrait()
    install(monkeypatch, repeat(grey), padding=padding)
    source = open_source("picamera2", **SIZE)
    frame = source.read(2.0)
    source.close()
    assert frame.grey.shape == (480, 640)
    assert np.abs(frame.grey.astype(int) - grey).max() <= 1
    assert frame.grey.flags["C_CONTIGUOUS"]
    assert all(camera.is_closed and camera.held == 0 for camera in Picamera2.opened)


def test_pi_frames_of_full_range_stay_as_they_are(monkeypatch):
    grey = portrait()
    install(monkeypatch, repeat(grey), colour_space=FULL)
    source = open_source("picamera2", **SIZE)
    frame = source.read(2.0)
    source.close()
    assert np.array_equal(frame.grey, grey)


def test_the_pi_camera_is_asked_for_luma_at_the_wanted_rate(monkeypatch):
    install(monkeypatch, repeat(portrait()))
    source = open_source("picamera2", **SIZE)
    source.read(2.0)
    source.close()
    config = Picamera2.opened[0].config
    assert config["lores"]["format"] == "YUV420"
    assert config["controls"]["FrameDurationLimits"] == (66667, 66667)
    assert config["display"] is config["encode"] is None


def test_more_frames_than_buffers_pass_because_each_is_released(monkeypatch):
    install(monkeypatch, repeat(portrait(), 40))
    source = open_source("picamera2", **SIZE)
    deadline = time.monotonic() + 10
    last = 0
    while last < 30 and time.monotonic() < deadline:
        frame = source.read(0.5)
        last = frame.index if frame else last
    source.close()
    assert last >= 30


def test_a_silent_pi_camera_is_an_error_and_can_be_opened_again(monkeypatch):
    from stressvision_agent.camera.devices import PiCamera

    install(monkeypatch, [portrait(), float("inf"), portrait()])
    camera = PiCamera(**SIZE, wait_s=0.2)
    assert camera.grab() is not None
    with pytest.raises(CameraError, match="no frame for"):
        camera.grab()
    camera.close()
    again = PiCamera(**SIZE, wait_s=0.2)
    assert again.grab() is not None
    again.close()


def test_without_a_pi_camera_the_message_says_what_to_check(monkeypatch):
    install(monkeypatch, [], present=False)
    source = open_source("picamera2", **SIZE)
    with pytest.raises(CameraError, match="check its cable"):
        source.read(2.0)
    source.close()


def test_without_the_package_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    source = open_source("picamera2", **SIZE)
    with pytest.raises(SourceError, match="apt install python3-picamera2"):
        source.read(2.0)
    source.close()


@pytest.mark.parametrize(
    ("space", "full"),
    [
        (FULL, True),
        (picamera2_double.LIMITED, False),
        ("sYCC", True),
        ("ColorSpace.Sycc", True),
        ("SMPTE170M", False),
        (None, False),
    ],
)
def test_only_a_space_known_to_be_full_is_left_alone(space, full):
    assert is_full_range(space) is full


def test_a_missing_v4l2_camera_is_named():
    source = open_source("v4l2:97", **SIZE)
    with pytest.raises(CameraError, match="there is no /dev/video97"):
        source.read(2.0)
    source.close()


def test_a_v4l2_device_that_is_no_camera_is_named():
    source = open_source("v4l2:/dev/null", **SIZE)
    with pytest.raises(CameraError, match="/dev/null cannot be opened"):
        source.read(5.0)
    source.close()
