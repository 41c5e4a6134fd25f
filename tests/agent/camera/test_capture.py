"""The capture thread, between a driver that may do anything and a pipeline that must go on."""

import threading
import time
from itertools import count

import cv2
import numpy as np
import pytest

from stressvision_agent.camera import CameraError
from stressvision_agent.camera.capture import FROZEN_S, Capture
from stressvision_agent.clock import SystemClock
from support.seeing import BLACK, TurnedClock, texture


class Camera:
    """Gives numbered frames without pause; `hold` blocks it, as a driver may."""

    interval_s = None

    def __init__(self, hold=None, last=None):
        self.hold, self.last, self.numbers, self.closed = hold, last, count(), False

    def grab(self):
        number = next(self.numbers)
        if self.last is not None and number > self.last:
            return None
        if self.hold is not None and number == 3:
            self.hold.wait()
        time.sleep(0.002)
        return np.full((4, 4), number % 256, np.uint8)

    def close(self):
        self.closed = True


def test_the_newest_frame_wins_and_the_others_are_counted():
    source = Capture(lambda: Camera(last=50), SystemClock())
    time.sleep(0.5)
    frame = source.read(1.0)
    assert frame.index == 50
    assert source.dropped == 50
    assert source.finished
    source.close()


def test_a_call_that_never_returns_does_not_hold_up_the_reader():
    hold = threading.Event()
    camera = Camera(hold)
    source = Capture(lambda: camera, SystemClock())
    for _ in range(3):
        source.read(0.2)
    started = time.monotonic()
    assert source.read(0.2) is None
    source.close()
    assert time.monotonic() - started < 3
    assert source.alive
    hold.set()
    source._thread.join(2)
    assert camera.closed
    assert not source.alive


@pytest.mark.parametrize("failure", [RuntimeError("driver"), cv2.error("bad"), OSError(19, "No such device")])
def test_whatever_a_driver_raises_reaches_the_reader_as_a_camera_error(failure):
    def open_camera():
        raise failure

    source = Capture(open_camera, SystemClock())
    with pytest.raises(CameraError):
        source.read(2.0)
    source.close()


def test_frames_before_a_failure_are_still_read():
    class Dying(Camera):
        def grab(self):
            if next(self.numbers):
                raise CameraError("unplugged")
            return np.zeros((2, 2), np.uint8)

    source = Capture(Dying, SystemClock(), keep="all")
    assert source.read(2.0) is not None
    with pytest.raises(CameraError, match="unplugged"):
        source.read(2.0)
    source.close()


def test_closing_in_the_middle_gives_the_camera_back():
    camera = Camera()
    source = Capture(lambda: camera, SystemClock(), keep="all")
    source.read(1.0)
    source.close()
    assert camera.closed
    assert not source.alive


class Stuck:
    """Gives `picture` over and over, ten times a second of the turned clock, a hundred times."""

    interval_s = None

    def __init__(self, clock, picture):
        self.clock, self.picture, self.left = clock, picture, 100

    def grab(self):
        self.left -= 1
        self.clock.at_s += 0.1
        return self.picture.copy() if self.left >= 0 else None

    def close(self):
        pass


def end_of(picture, keep):
    clock = TurnedClock()
    source = Capture(lambda: Stuck(clock, picture), clock, keep)
    try:
        while not source.finished:
            source.read(1.0)
        return clock.at_s - 1000.0
    finally:
        source.close()


def test_a_camera_that_gives_one_picture_over_and_over_hangs():
    with pytest.raises(CameraError, match="one and the same picture"):
        end_of(texture(), "newest")


@pytest.mark.parametrize(("picture", "keep"), [(BLACK, "newest"), (texture(), "all")])
def test_darkness_and_a_recording_may_stand_still(picture, keep):
    assert end_of(picture, keep) > 2 * FROZEN_S
