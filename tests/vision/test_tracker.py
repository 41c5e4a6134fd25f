import numpy as np
import pytest

from stressvision_vision.faces import HaarDetector, overlap
from stressvision_vision.preprocess import Box
from stressvision_vision.tracker import FaceTracker
from support.pictures import clip_maker, portrait, room


class CountedDetector(HaarDetector):
    def __init__(self):
        super().__init__()
        self.looked = 0

    def detect(self, grey):
        self.looked += 1
        return super().detect(grey)

    def near(self, grey, box):
        self.looked += 1
        return super().near(grey, box)


def test_the_detector_runs_every_few_frames_and_tracking_fills_in():
    detector = CountedDetector()
    tracker = FaceTracker(detector, every=4)
    boxes = [tracker.track(portrait(1.2, 150 + 4 * step, 100)) for step in range(16)]
    assert all(boxes)
    assert detector.looked <= 5
    assert boxes[15].x - boxes[0].x == pytest.approx(60, abs=16)


def test_a_face_that_leaves_is_lost_at_once():
    tracker = FaceTracker(HaarDetector(), every=5)
    assert tracker.track(portrait())
    assert tracker.track(room()) is None


def test_a_face_that_comes_is_found_within_the_detector_s_turn():
    tracker = FaceTracker(HaarDetector(), every=4)
    assert tracker.track(room()) is None
    assert any(tracker.track(portrait()) for _ in range(4))


def test_a_change_of_light_does_not_lose_the_face():
    tracker = FaceTracker(HaarDetector(), every=50)
    frame = portrait()
    first = tracker.track(frame)
    darker = (frame * 0.6).astype(np.uint8)
    assert overlap(tracker.track(darker), first) > 0.8


class BlindAfterFirst:
    """Finds the face once and never again."""

    def __init__(self, box):
        self.boxes = [box]

    def detect(self, grey):
        return [self.boxes.pop()] if self.boxes else []

    def near(self, grey, box):
        return []


def test_a_face_that_no_detection_confirms_is_dropped():
    tracker = FaceTracker(BlindAfterFirst(Box(240, 150, 110, 110)), every=2)
    seen = [tracker.track(portrait()) for _ in range(20)]
    assert seen[0]
    assert seen[-1] is None
    assert sum(box is not None for box in seen) <= 12


def test_a_much_larger_face_takes_over():
    tracker = FaceTracker(HaarDetector(), every=1)
    small = portrait(0.8, 0, 0)
    assert tracker.track(small).w < 120
    both = portrait(1.6, 200, 60)
    both[:200, :200] = small[:200, :200]
    assert max(tracker.track(both).w for _ in range(14)) > 120


def test_reset_forgets_the_face():
    tracker = FaceTracker(HaarDetector(), every=4)
    tracker.track(portrait())
    tracker.reset()
    assert tracker.track(room()) is None


def test_every_must_be_a_frame_or_more():
    with pytest.raises(ValueError, match="every 1 or more"):
        FaceTracker(HaarDetector(), every=0)


def test_in_the_demo_clip_the_face_is_followed_and_an_empty_chair_is_empty(tmp_path):
    clip = clip_maker()
    bust, back = clip.load_bust(), clip.make_room()
    tracker = FaceTracker(HaarDetector(), every=5)
    hits = misses = false = 0
    for index in range(300):
        away = clip.is_away(index / 300)
        frame = clip.draw_frame(bust, back, index / 15, away)
        box = tracker.track(np.ascontiguousarray(frame[:, :, 1]))
        hits += box is not None and not away
        misses += box is None and not away
        false += box is not None and away
    assert hits / (hits + misses) > 0.95
    assert false == 0
