import sys
import threading
import time
from itertools import count, pairwise, repeat

import cv2
import numpy as np
import pytest

from stressvision_agent.camera import CameraError, SourceError, check_source, open_source
from stressvision_agent.camera.capture import Capture
from stressvision_agent.camera.devices import is_full_range
from stressvision_agent.camera.frames import fit
from stressvision_agent.clock import SystemClock
from support import picamera2_double
from support.picamera2_double import FULL, Picamera2
from support.pictures import clip_maker, portrait

SIZE = {"width": 640, "height": 480, "fps": 15}


def frames_of(source, timeout_s=5.0):
    taken = []
    while not source.finished:
        frame = source.read(timeout_s)
        if frame is not None:
            taken.append(frame)
    source.close()
    return taken


@pytest.fixture
def pictures(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((480, 640), 40 * index, np.uint8))
    return tmp_path


# What can be named as a source


@pytest.mark.parametrize(
    "spec", ["", "webcam", "v4l2", "v4l2:", "v4l2:x", "v4l2:-1", "picamera2:0", "file", "rtsp://x"]
)
def test_an_unknown_source_is_refused_with_what_there_is(spec):
    with pytest.raises(SourceError):
        check_source(spec)


@pytest.mark.parametrize(
    ("spec", "says"), [("file:/nowhere.avi", "no file '/nowhere.avi'"), ("dir:/nowhere", "no folder '/nowhere'")]
)
def test_a_missing_path_is_named(spec, says):
    with pytest.raises(SourceError, match=says):
        open_source(spec, **SIZE)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SourceError, match="holds no picture"):
        open_source(f"dir:{tmp_path}", **SIZE)


@pytest.mark.parametrize("spec", ["picamera2", "v4l2:0", "v4l2:/dev/v4l/by-id/usb-cam"])
def test_cameras_are_not_opened_to_check_their_name(spec):
    check_source(spec)


# Recordings


def test_every_picture_of_a_folder_comes_in_order(pictures):
    taken = frames_of(open_source(f"dir:{pictures}", **SIZE, realtime=False))
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 80, 120, 160]
    assert [frame.index for frame in taken] == [0, 1, 2, 3, 4]


def test_a_corrupt_picture_is_skipped(pictures):
    (pictures / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    (pictures / "3.png").write_bytes(b"")
    taken = frames_of(open_source(f"dir:{pictures}", **SIZE, realtime=False))
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 160]


def test_a_folder_of_corrupt_pictures_ends_even_in_a_loop(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"junk")
    assert frames_of(open_source(f"dir:{tmp_path}", **SIZE, realtime=False, loop=True)) == []


def test_a_folder_in_a_loop_begins_again(pictures):
    source = open_source(f"dir:{pictures}", **SIZE, realtime=False, loop=True)
    taken = [source.read(5.0) for _ in range(12)]
    source.close()
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 80, 120, 160, 0, 40, 80, 120, 160, 0, 40]


def test_pictures_larger_than_the_frame_are_shrunk_in_shape(tmp_path):
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((1200, 1000, 3), np.uint8))
    (frame,) = frames_of(open_source(f"dir:{tmp_path}", **SIZE, realtime=False))
    assert frame.grey.shape == (480, 400)
    assert fit(np.zeros((100, 100), np.uint8), 640, 480).shape == (100, 100)


def test_every_frame_of_a_clip_comes(tmp_path):
    clip = tmp_path / "clip.avi"
    assert clip_maker().make_clip(clip, seconds=2) == 30
    taken = frames_of(open_source(f"file:{clip}", **SIZE, realtime=False))
    assert len(taken) == 30
    assert taken[0].grey.shape == (480, 640)
    assert taken[0].grey.dtype == np.uint8
    assert all(one.monotonic_s <= other.monotonic_s for one, other in pairwise(taken))


def test_a_clip_plays_at_its_own_speed(tmp_path):
    clip = tmp_path / "clip.avi"
    clip_maker().make_clip(clip, seconds=1)
    taken = frames_of(open_source(f"file:{clip}", **SIZE))
    assert taken[-1].monotonic_s - taken[0].monotonic_s == pytest.approx(14 / 15, abs=0.3)


def test_a_clip_in_a_loop_begins_again(tmp_path):
    clip = tmp_path / "clip.avi"
    clip_maker().make_clip(clip, seconds=1)
    source = open_source(f"file:{clip}", **SIZE, realtime=False, loop=True)
    taken = [source.read(5.0) for _ in range(35)]
    source.close()
    assert np.array_equal(taken[3].grey, taken[18].grey)


def test_a_file_that_is_no_video_is_named_when_read(tmp_path):
    wrong = tmp_path / "wrong.avi"
    wrong.write_bytes(b"no video at all" * 100)
    source = open_source(f"file:{wrong}", **SIZE)
    with pytest.raises(SourceError, match=r"wrong\.avi cannot be read as a video"):
        source.read(5.0)
    source.close()


# The capture thread


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


# picamera2 and V4L2


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
