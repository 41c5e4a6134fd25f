import threading
import time
from itertools import pairwise, repeat

import numpy as np
import pytest

from stressvision_agent.camera import CameraError
from stressvision_agent.camera.capture import Capture
from stressvision_agent.clock import SystemClock
from stressvision_agent.feed import MAX_LEFT_BEHIND, Feed, FeedSettings
from support.seeing import StopAt, TurnedClock, script, texture

FACE = texture()


def make_feed(factory, clock, **changes):
    return Feed(factory, clock, FeedSettings(**changes), StopAt(clock).wait)


def test_a_stall_is_noticed_no_later_than_set():
    clock = TurnedClock()
    feed = make_feed(script(clock, [FACE, 100.0]), clock, stall_s=4.0)
    assert feed.read(0.5) is not None
    heard = clock.at_s
    while not feed.stalled:
        feed.read(0.5)
    assert clock.at_s - heard == pytest.approx(4.0, abs=0.1)


def test_a_camera_slow_to_open_is_given_longer():
    clock = TurnedClock()
    feed = make_feed(script(clock, [8.0, FACE]), clock, opening_s=10.0)
    frame = None
    while frame is None:
        frame = feed.read(0.5)
    assert not feed.stalled


def test_the_pause_before_opening_again_grows_and_is_forgotten_after_a_good_minute():
    clock = TurnedClock()
    openings = []
    steps = iter([CameraError("1"), CameraError("2"), CameraError("3"), *[FACE] * 700, CameraError("4"), FACE])

    def factory():
        openings.append(clock.at_s)
        return script(clock, steps)()

    feed = make_feed(factory, clock)
    while len(openings) < 5:
        feed.read(0.25)
    waits = [after - before for before, after in pairwise(openings)]
    assert waits[:3] == pytest.approx([1, 2, 4], abs=0.3)
    assert waits[3] == pytest.approx(71, abs=0.6)


def test_a_source_that_ends_is_no_stall():
    clock = TurnedClock()
    feed = make_feed(script(clock, [FACE]), clock)
    feed.read(0.5)
    feed.read(0.5)
    assert feed.finished
    assert not feed.stalled


class Hanging:
    """A driver whose every call blocks until the test is over."""

    interval_s = None

    def __init__(self, hold):
        self._hold = hold

    def grab(self):
        self._hold.wait()

    def close(self):
        pass


def test_hanging_drivers_are_left_behind_but_not_without_end():
    hold = threading.Event()
    clock = SystemClock()
    settings = FeedSettings(stall_s=0.1, opening_s=0.1, restart_pause_s=0.01)
    opened = []

    def factory():
        opened.append(Capture(lambda: Hanging(hold), clock))
        return opened[-1]

    feed = Feed(factory, clock, settings, time.sleep)
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and not feed.is_stuck:
        feed.read(0.05)
    for _ in range(10):
        feed.read(0.02)
    assert len(opened) == MAX_LEFT_BEHIND
    assert feed.stalled
    hold.set()
    for source in opened:
        source._thread.join(2)
    assert not feed.is_stuck
    feed.close()


def test_a_real_thread_that_hangs_is_noticed_within_the_time_set():
    hold = threading.Event()
    frames = repeat(np.zeros((4, 4), np.uint8), 5)

    class Stalling(Hanging):
        def grab(self):
            frame = next(frames, None)
            return super().grab() if frame is None else frame

    clock = SystemClock()
    feed = Feed(lambda: Capture(lambda: Stalling(hold), clock), clock, FeedSettings(stall_s=0.5), time.sleep)
    heard = clock.monotonic()
    while not feed.stalled:
        if feed.read(0.2) is not None:
            heard = clock.monotonic()
    noticed = clock.monotonic() - heard
    hold.set()
    assert 0.4 < noticed < 1.5
    feed.close()
