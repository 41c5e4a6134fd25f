"""One frame's way from pixels to drafts, and the truth about the time in which there were no frames."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_agent import vision_metrics as metrics
from stressvision_agent.camera.frames import Frame, FrameSource, SourceError
from stressvision_agent.classify import FaceClassifier
from stressvision_agent.clock import Clock
from stressvision_agent.drafts import AnyDraft, EpisodeDraft, GapDraft, WindowDraft
from stressvision_agent.episodes import EpisodeTracker
from stressvision_agent.feed import Feed, FeedSettings
from stressvision_agent.gaps import GapKeeper
from stressvision_agent.sight import Sight, SightMeter
from stressvision_agent.windows import WindowKeeper, by_label
from stressvision_contracts.labels import PROFILE_CONDITIONS, PROFILE_LABELS, GapReason, Label, SiteProfile
from stressvision_contracts.manifest import Manifest
from stressvision_vision.classifier import ModelError, OutputError
from stressvision_vision.faces import FaceDetector, is_usable
from stressvision_vision.preprocess import crop
from stressvision_vision.tracker import FaceTracker

log = logging.getLogger(__name__)

MAX_FAILURES: Final = 10
"""Unexpected errors in a row after which the loop gives up: a new process may do better, a hot loop never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """`read_s` bounds how late a stop, a pause or the end of a window is noticed while there are no frames."""

    window_s: float = 60.0
    detect_every: int = 4
    min_coverage: float = 0.5
    gap_slice_s: float = 300.0
    read_s: float = 0.5
    feed: FeedSettings = field(default_factory=FeedSettings)


class Pipeline:
    """From `source_factory` to `record`. Belongs to the thread of `run`; `sight` may be called from any.

    `profile` and `paused` are asked before every frame. While paused, or with the profile `off`, the camera is given
    back and only gaps are recorded. Nothing of a label or condition outside the profile is recorded.
    """

    def __init__(
        self,
        source_factory: Callable[[], FrameSource],
        detector: FaceDetector,
        classifier: FaceClassifier,
        clock: Clock,
        record: Callable[[AnyDraft], object],
        settings: PipelineSettings | None = None,
        profile: Callable[[], SiteProfile] = lambda: "safety",
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        manifest = _company5(classifier)
        self._source_factory, self._classifier, self._clock = source_factory, classifier, clock
        self._next: deque[FaceClassifier] = deque(maxlen=1)
        self._record_draft, self._profile, self._paused = record, profile, paused
        self._settings = settings or PipelineSettings()
        self._manifest = manifest
        self._faces = FaceTracker(detector, self._settings.detect_every)
        self._windows = WindowKeeper(self._settings.window_s, manifest.version)
        self._gaps = GapKeeper(self._settings.gap_slice_s, manifest.version)
        self._meter = SightMeter()
        self._state = "starting"
        self._frames = self._bad_outputs = 0
        self._moved_s = clock.monotonic()
        self._unseen_s = self._told_s = 0.0
        self._adopted: SiteProfile = "off"
        self._episodes = self._tracker_for("off")

    def run(self, stop: Event | None = None, max_frames: int | None = None) -> int:
        """See until `stop` is set, the source ends, or `max_frames` frames are seen; return how many were.

        Camera trouble never ends it. `SourceError` when the source can never work as it is stated.
        """
        cv2.setNumThreads(1)
        stop = stop or Event()
        feed = Feed(self._source_factory, self._clock, self._settings.feed, stop.wait)
        self._unseen_s = self._clock.monotonic()
        self._frames = failures = 0
        try:
            while not stop.is_set() and not feed.finished and (max_frames is None or self._frames < max_frames):
                try:
                    self._step(feed, stop)
                    failures = 0
                except SourceError:
                    raise
                except Exception:
                    failures += 1
                    metrics.PIPELINE_FAILURES.inc()
                    log.exception("a frame could not be dealt with")
                    if failures == MAX_FAILURES:
                        raise
        finally:
            self._finish(feed)
        return self._frames

    def adopt(self, classifier: FaceClassifier) -> None:
        """Look with `classifier` from the next frame on; may be called from any thread. `ModelError` as at the start.

        What was seen until then is told under the model that saw it, and no time lies between the two.
        """
        _company5(classifier)
        self._next.append(classifier)

    def sight(self) -> Sight:
        """Return how seeing goes, for the heartbeat."""
        classifier = self._classifier
        return self._meter.sight(
            self._clock.monotonic(),
            model_version=classifier.manifest.version,
            model_digest=classifier.manifest.digest,
            state=self._state,
            bad_outputs=self._bad_outputs,
        )

    def moved_s(self) -> float:
        """Return when (monotonic) the loop last turned; it stands still when only a new process can help."""
        return self._moved_s

    def _step(self, feed: Feed, stop: Event) -> None:
        if self._next:
            self._change_model(self._next.popleft())
        profile = self._profile()
        if profile != self._adopted:
            self._adopt(profile)
        if profile == "off" or self._paused():
            self._moved_s = self._clock.monotonic()
            self._rest(feed, stop)
            return
        if not feed.is_stuck:
            self._moved_s = self._clock.monotonic()
        frame = feed.read(self._settings.read_s)
        if frame is not None:
            self._see(frame)
        elif feed.stalled:
            self._state = "camera stuck" if feed.is_stuck else "camera stalled"
            self._be_blind("camera", self._unseen_s)
        else:
            self._record(self._windows.advance(self._clock.monotonic()))

    def _change_model(self, classifier: FaceClassifier) -> None:
        """Tell what the old model saw up to this moment; the new one goes on from it."""
        now = self._clock.monotonic()
        seeing, blind = self._windows.is_open, self._gaps.reason
        self._record(self._gaps.end(now))
        self._record(self._windows.end(now))
        self._record(self._episodes.interrupt(now))
        labels = self._windows.labels
        self._classifier, self._manifest = classifier, classifier.manifest
        self._bad_outputs = 0
        self._meter.new_model()
        self._windows = WindowKeeper(self._settings.window_s, self._manifest.version, labels)
        self._gaps = GapKeeper(self._settings.gap_slice_s, self._manifest.version)
        self._episodes = self._tracker_for(self._adopted)
        if seeing:
            self._windows.begin(max(now, self._told_s))
        if blind is not None:
            self._gaps.begin(blind, max(now, self._told_s))
        log.info("model changed", extra={"version": self._manifest.version})

    def _adopt(self, profile: SiteProfile) -> None:
        """Let `profile` hold from now on; what was seen before leaves only as far as both profiles allow."""
        now = self._clock.monotonic()
        self._windows.labels &= PROFILE_LABELS[profile]
        self._adopted = profile
        if self._windows.is_open:
            self._record(self._windows.end(now))
            self._record(self._episodes.interrupt(now))
            self._windows.begin(now)
        self._windows.labels = PROFILE_LABELS[profile]
        self._episodes = self._tracker_for(profile)

    def _tracker_for(self, profile: SiteProfile) -> EpisodeTracker:
        # conditions that the profile forbids are not even inferred
        known = self._manifest.episodes
        allowed = {name: known[name] for name in PROFILE_CONDITIONS[profile] if name in known}
        return EpisodeTracker(allowed, self._manifest.version, min_coverage=self._settings.min_coverage)

    def _see(self, frame: Frame) -> None:
        at_s = max(frame.monotonic_s, self._unseen_s)
        if self._windows.is_open and at_s - self._unseen_s > self._settings.feed.stall_s:
            # the board slept, or the source paused: a frame came before the silence was noticed
            self._be_blind("camera", self._unseen_s)
        if not self._windows.is_open:
            self._record(self._gaps.end(at_s))
            self._windows.begin(max(at_s, self._told_s))
            self._faces.reset()
        probabilities = self._look(frame.grey)
        self._state = "no face" if probabilities is None else "seeing"
        self._unseen_s = at_s
        self._frames += 1
        metrics.FRAMES.inc()
        self._meter.frame(at_s)
        self._record(self._windows.add(at_s, probabilities))
        self._record(self._episodes.observe(at_s, probabilities))

    def _look(self, grey: NDArray[np.uint8]) -> dict[Label, float] | None:
        started = time.perf_counter()
        box = self._faces.track(grey)
        found = time.perf_counter()
        metrics.DETECTOR_SECONDS.observe(found - started)
        if box is None:
            return None
        if not is_usable(grey, box):
            metrics.UNUSABLE_FACES.inc()
            return None
        started = time.perf_counter()
        try:
            values = self._classifier.probabilities(crop(grey, box, self._manifest.input))
        except OutputError:
            metrics.BAD_OUTPUTS.inc()
            if not self._bad_outputs:  # it may come with every frame
                log.warning("the model's output is no probability distribution; such frames count as not seen")
            self._bad_outputs += 1
            return None
        taken = time.perf_counter() - started
        metrics.INFERENCE_SECONDS.observe(taken)
        metrics.FACES.inc()
        self._meter.inference(taken)
        return by_label(dict(zip(self._manifest.labels, values.tolist(), strict=True)))

    def _rest(self, feed: Feed, stop: Event) -> None:
        self._state = "paused"
        now = self._clock.monotonic()
        self._be_blind("paused", now)
        feed.close()
        self._unseen_s = now
        stop.wait(self._settings.read_s)

    def _be_blind(self, reason: GapReason, from_s: float) -> None:
        """Nothing is seen since `from_s`: end what was going on and keep a gap for `reason`."""
        if self._gaps.reason != reason:
            self._record(self._gaps.end(from_s))
            if self._windows.is_open:
                self._record(self._windows.end(from_s))
                self._record(self._episodes.interrupt(from_s))
            self._gaps.begin(reason, max(from_s, self._told_s))
        self._record(self._gaps.advance(self._clock.monotonic()))

    def _finish(self, feed: Feed) -> None:
        now = self._clock.monotonic()
        self._record(self._gaps.end(now))
        self._record(self._windows.end(now))
        self._record(self._episodes.interrupt(now))
        self._state = "stopped"
        feed.close()

    def _record(self, drafts: Iterable[AnyDraft]) -> None:
        for draft in drafts:
            match draft:
                case WindowDraft():
                    self._told_s = draft.ended_s
                    if not draft.seconds:
                        continue
                    metrics.WINDOWS.inc()
                    self._meter.coverage(draft.coverage)
                case GapDraft():
                    self._told_s = draft.ended_s
                    metrics.GAPS.labels(reason=draft.reason).inc()
                case EpisodeDraft():
                    if draft.condition not in PROFILE_CONDITIONS[self._adopted]:
                        continue
                    if draft.phase == "open":
                        metrics.EPISODES.labels(condition=draft.condition).inc()
            self._record_draft(draft)


def _company5(classifier: FaceClassifier) -> Manifest:
    manifest = classifier.manifest
    if manifest.label_scheme != "company5":
        raise ModelError(f"model {manifest.version} knows the scheme {manifest.label_scheme}; a device needs company5")
    return manifest
