"""Windows: what was seen in each stretch of capture, the denominator of every trend. Pure: time comes as numbers."""

from collections.abc import Mapping
from typing import Final, cast

from stressvision_agent.drafts import WindowDraft
from stressvision_contracts.labels import COMPANY5, Label

HOLD_S: Final = 2.0
"""A frame speaks for the time until the next one, but for no longer than this."""


class WindowKeeper:
    """Cuts time into windows of `window_s` from `begin` to `end`, and adds up frames in them.

    Between the two every instant lies in exactly one window. Only `labels` appear in what leaves.
    """

    def __init__(self, window_s: float, model_version: str, labels: frozenset[Label] = frozenset(COMPANY5)) -> None:
        if window_s <= 0:
            raise ValueError(f"a window must last more than 0 s, not {window_s}")
        self.labels = labels
        self._window_s = window_s
        self._model_version = model_version
        self._started_s: float | None = None

    @property
    def is_open(self) -> bool:
        return self._started_s is not None

    def begin(self, at_s: float) -> None:
        """Open a window at `at_s` (monotonic seconds); nothing before it is spoken for."""
        self._label: Label | None = None
        self._credited_s = self._valid_until_s = at_s
        self._clear(at_s)

    def add(self, at_s: float, probabilities: Mapping[Label, float] | None) -> list[WindowDraft]:
        """Count a frame taken at `at_s`; `probabilities` is None without a usable face. Return windows that closed."""
        closed = self.advance(at_s)
        at_s = max(at_s, self._credited_s)
        self._credit(at_s)
        self._credited_s, self._valid_until_s = at_s, at_s + HOLD_S
        self._frames += 1
        self._label = None
        if probabilities is not None:
            self._faces += 1
            known = sorted(probabilities.items())
            self._label = max(known, key=lambda item: item[1])[0]
            for label, probability in known:
                self._sums[label] += probability
        return closed

    def advance(self, at_s: float) -> list[WindowDraft]:
        """Return the windows that have closed by `at_s`, those without a frame too."""
        closed = []
        while self._started_s is not None and at_s >= self._started_s + self._window_s:
            edge = self._started_s + self._window_s
            closed.append(self._close(self._started_s, edge))
            self._clear(edge)
        return closed

    def end(self, at_s: float) -> list[WindowDraft]:
        """Close the open window at `at_s`, shorter than the others; a window of no length is no window."""
        closed = self.advance(at_s)
        if self._started_s is not None and at_s > self._started_s:
            closed.append(self._close(self._started_s, at_s))
        self._started_s = None
        return closed

    def _clear(self, at_s: float) -> None:
        self._started_s = at_s
        self._frames = self._faces = 0
        self._observed_s = 0.0
        self._seconds = dict.fromkeys(COMPANY5, 0.0)
        self._sums = dict.fromkeys(COMPANY5, 0.0)

    def _credit(self, until_s: float) -> None:
        span = max(min(until_s, self._valid_until_s) - self._credited_s, 0.0)
        if self._label is not None:
            self._observed_s += span
            self._seconds[self._label] += span
        self._credited_s = max(until_s, self._credited_s)

    def _close(self, started_s: float, ended_s: float) -> WindowDraft:
        self._credit(ended_s)
        order = [label for label in COMPANY5 if label in self.labels]
        return WindowDraft(
            started_s=started_s,
            ended_s=ended_s,
            model_version=self._model_version,
            frames=self._frames,
            faces=self._faces,
            coverage=min(round(self._observed_s / (ended_s - started_s), 6), 1.0),
            seconds={label: round(self._seconds[label], 3) for label in order},
            mean_probability={
                label: min(round(self._sums[label] / self._faces, 6), 1.0) if self._faces else 0.0 for label in order
            },
        )


def by_label(probabilities: Mapping[str, float]) -> dict[Label, float]:
    """Take `probabilities` of a company5 model as the contract's labels."""
    return {cast("Label", label): float(value) for label, value in probabilities.items()}
