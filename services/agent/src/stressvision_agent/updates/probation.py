"""A new model in use, watched over its first faces: in time, with probabilities, and not the same for every face."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stressvision_agent.classify import FaceClassifier
from stressvision_contracts.manifest import Manifest
from stressvision_vision.classifier import OutputError

Verdict = Literal["proven", "failed", "hung", "same"]
"""`same`: proven but for giving one answer to all faces, which may be one person's who does not move a muscle."""

HUNG_S: Final = 15.0
"""A classification that takes so long never ends: only a new process gets rid of it."""

SLOW_SHARE: Final = 0.05
"""As the budget is one of the 95th percentile."""

SLOW_S: Final = 10.0
"""A model that used up so much time on slow answers alone is not waited for: 60 s hold all of going back."""

SAME: Final = 0.002
"""Probabilities that all stay within this are one answer: less than one step of an 8-bit output."""

TOLD_APART: Final = 0.2
"""By how much the probabilities of the last good model must move over the same faces to tell against a new one."""

SHOWN: Final = 16
"""Faces of the probation that are held in memory, to be shown to the last good model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a model must do: `faces` of them, each within `latency_s`."""

    faces: int
    latency_s: float


class Watched:
    """A classifier whose every answer is looked at. Answers come from one thread, the verdict is asked by another."""

    def __init__(self, classifier: FaceClassifier, terms: Terms | None, timer: Callable[[], float] = time.monotonic):
        """Without `terms` it is a proven model."""
        self.manifest: Manifest = classifier.manifest
        self._classifier, self._timer = classifier, timer
        self._lock = threading.Lock()
        self._terms = terms
        self._since_s: float | None = None
        self._faces = self._slow = 0
        self._slow_s = 0.0
        self._fault: str | None = None
        self._low = np.full(len(self.manifest.labels), np.inf, np.float32)
        self._high = -self._low
        self._shown: list[NDArray[np.uint8]] = []

    def probabilities(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """As `Classifier.probabilities`; raise what it raises."""
        self._since_s = started_s = self._timer()
        try:
            values = self._classifier.probabilities(face)
        except OutputError:
            self._fail("its output was no probability distribution")
            raise
        except Exception as error:
            self._fail(f"it failed with {type(error).__name__}: {error}")
            raise
        finally:
            self._since_s = None
        if self._terms is not None:
            self._judge(face, values, self._timer() - started_s)
        return values

    def prove(self) -> None:
        """From now on it is a proven model."""
        with self._lock:
            self._terms = None
            self._shown.clear()

    def is_told_apart(self, good: FaceClassifier) -> bool:
        """Whether `good` sees different expressions in the faces that this model gives one answer for."""
        with self._lock:
            shown = list(self._shown)
        if good.manifest.input != self.manifest.input or not shown:
            return False
        answers = np.stack([good.probabilities(face) for face in shown])
        return float(np.ptp(answers, axis=0).max()) > TOLD_APART

    def verdict(self) -> tuple[Verdict, str] | None:
        """Return what is to be thought of it, and why; None while that cannot be told."""
        with self._lock:
            terms, since_s = self._terms, self._since_s
            if terms is None:
                return None
            if self._fault is not None:
                return "failed", self._fault
            if since_s is not None and self._timer() - since_s > HUNG_S:
                return "hung", f"a classification did not end in {HUNG_S:g} s"
            if self._is_slow(terms):
                return "failed", f"{self._slow} of {self._faces} faces took more than {terms.latency_s * 1000:.0f} ms"
            if self._faces < terms.faces:
                return None
            if float((self._high - self._low).max()) < SAME:
                return "same", f"{self._faces} faces got the same answer, which the last good model tells apart"
            return "proven", f"{self._faces} good faces"

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._fault = self._fault or reason

    def _judge(self, face: NDArray[np.uint8], values: NDArray[np.float32], taken_s: float) -> None:
        with self._lock:
            if self._terms is None:
                return
            self._faces += 1
            if taken_s > self._terms.latency_s:
                self._slow += 1
                self._slow_s += taken_s
            np.minimum(self._low, values, out=self._low)
            np.maximum(self._high, values, out=self._high)
            if len(self._shown) < SHOWN and self._faces % max(self._terms.faces // SHOWN, 1) == 0:
                self._shown.append(face.copy())

    def _is_slow(self, terms: Terms) -> bool:
        return self._slow > SLOW_SHARE * max(terms.faces, self._faces) or self._slow_s > SLOW_S
