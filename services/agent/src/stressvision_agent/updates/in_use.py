"""The model that the seeing side looks with: handed over, watched while it is unproven, exchanged for the good one."""

import logging
from collections.abc import Callable

from stressvision_agent.classify import FaceClassifier
from stressvision_agent.settings import UpdatesSettings
from stressvision_agent.updates.probation import Terms, Verdict, Watched
from stressvision_agent.updates.slots import Slots
from stressvision_vision.classifier import ModelError, OutputError

log = logging.getLogger(__name__)


class ModelInUse:
    """Belongs to the updating thread once `first` was asked; `adopt` hands a model to the seeing side."""

    def __init__(self, slots: Slots, settings: UpdatesSettings) -> None:
        self._slots = slots
        self._terms = Terms(faces=settings.good_frames, latency_s=settings.latency_p95_s)
        self._watched: Watched | None = None
        self.adopt: Callable[[FaceClassifier], None] = lambda _: None

    def first(self) -> Watched:
        """Load the model to begin with; raise `ModelError` when there is none."""
        classifier, journal = self._slots.start(), self._slots.journal
        digest = journal.offer.digest if journal.offer is not None and journal.state == "installed" else None
        self._watched = Watched(classifier, self._terms if classifier.manifest.digest == digest else None)
        return self._watched

    @property
    def digest(self) -> str | None:
        return self._watched.manifest.digest if self._watched is not None else None

    @property
    def version(self) -> str | None:
        return self._watched.manifest.version if self._watched is not None else None

    def use(self, classifier: FaceClassifier, *, proven: bool) -> None:
        """Look with `classifier` from the next frame on."""
        self._watched = Watched(classifier, None if proven else self._terms)
        self.adopt(self._watched)

    def prove(self) -> None:
        if self._watched is not None:
            self._watched.prove()

    def return_to_good(self) -> None:
        """Look with the last good model; raise `ModelError` when no model at all can be loaded."""
        if self._slots.good is None or self.digest != self._slots.good:
            self.use(self._slots.load_good(), proven=True)

    def verdict(self) -> tuple[Verdict, str] | None:
        """What is to be thought of an unproven model; None while that cannot be told, and of a proven one."""
        said = self._watched.verdict() if self._watched is not None else None
        if said is None or self._watched is None or said[0] != "same":
            return said
        return ("failed", said[1]) if self._is_told_apart(self._watched) else ("proven", said[1])

    def _is_told_apart(self, watched: Watched) -> bool:
        good = self._slots.good
        if good is None:
            return False
        try:
            return watched.is_told_apart(self._slots.load(good))
        except (ModelError, OutputError):
            log.exception("the last good model cannot be asked")
            return False
