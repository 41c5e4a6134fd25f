"""The seeing side as the settings want it: source, detector, model and pipeline, put together."""

import threading
from collections.abc import Callable
from functools import partial

from stressvision_agent.camera import check_source, open_source
from stressvision_agent.classify import FaceClassifier
from stressvision_agent.clock import Clock
from stressvision_agent.directives import Directives
from stressvision_agent.drafts import AnyDraft
from stressvision_agent.feed import FeedSettings
from stressvision_agent.pipeline import Pipeline, PipelineSettings
from stressvision_agent.settings import Settings
from stressvision_agent.sight import Sight
from stressvision_vision.faces import open_detector


class Seeing:
    """`run` belongs to one thread; the rest may be asked from any."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        directives: Directives,
        record: Callable[[AnyDraft], None],
        first_model: Callable[[], FaceClassifier],
        *,
        max_frames: int | None = None,
    ) -> None:
        """Raise `SourceError`, `DetectorError` or `ModelError` when the settings can never work."""
        camera, vision = settings.camera, settings.vision
        check_source(camera.source)
        self._max_frames = max_frames
        self._pipeline = Pipeline(
            partial(
                open_source,
                camera.source,
                width=camera.width,
                height=camera.height,
                fps=camera.frames_per_second,
                loop=camera.repeat,
                clock=clock,
            ),
            open_detector(vision.detector),
            first_model(),
            clock,
            record,
            PipelineSettings(
                window_s=settings.episodes.window_s,
                detect_every=vision.detect_every,
                min_coverage=settings.episodes.min_coverage,
                # a slow camera is not a silent one
                feed=FeedSettings(stall_s=max(camera.stall_s, 2.5 / camera.frames_per_second)),
            ),
            profile=lambda: directives.wishes.site_profile,
            paused=directives.is_paused,
        )

    def run(self, stop: threading.Event) -> None:
        self._pipeline.run(stop=stop, max_frames=self._max_frames)

    def adopt(self, classifier: FaceClassifier) -> None:
        """Look with `classifier` from the next frame on."""
        self._pipeline.adopt(classifier)

    def moved_s(self) -> float:
        """When the pipeline last looked around, in monotonic seconds; long ago when only a new process can help."""
        return self._pipeline.moved_s()

    def sight(self) -> Sight:
        return self._pipeline.sight()
