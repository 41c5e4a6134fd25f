"""Sums over the recent past, in whole microseconds so that they never drift. Pure."""

from collections import deque
from dataclasses import dataclass


class Share:
    """Which part of the last `window_s` had a face, and which part of that counts."""

    def __init__(self, window_s: float) -> None:
        if window_s <= 0:
            raise ValueError(f"a share is taken over more than 0 s, not {window_s}")
        self._window_s = window_s
        self.clear()

    def clear(self) -> None:
        self._spans: deque[tuple[float, int, bool]] = deque()
        self._observed_us = self._counting_us = 0

    def add(self, at_s: float, span_s: float, *, counts: bool) -> None:
        """Take in that a face was seen for the `span_s` seconds before `at_s`, 0 when none was; forget the old."""
        span_us = round(span_s * 1e6)
        if span_us:
            self._spans.append((at_s, span_us, counts))
            self._observed_us += span_us
            self._counting_us += span_us * counts
        while self._spans and self._spans[0][0] <= at_s - self._window_s:
            _, span_us, counted = self._spans.popleft()
            self._observed_us -= span_us
            self._counting_us -= span_us * counted

    @property
    def value(self) -> float:
        return self._counting_us / self._observed_us if self._observed_us else 0.0

    @property
    def coverage(self) -> float:
        return min(self._observed_us / (self._window_s * 1e6), 1.0)


@dataclass(frozen=True, slots=True)
class Tally:
    """The peak and the mean over time of a probability since an episode began."""

    peak: float = 0.0
    sum_s: float = 0.0
    observed_s: float = 0.0

    def plus(self, probability: float, span_s: float) -> "Tally":
        return Tally(max(self.peak, probability), self.sum_s + probability * span_s, self.observed_s + span_s)

    @property
    def mean(self) -> float:
        return min(self.sum_s / self.observed_s, self.peak) if self.observed_s else self.peak

    def coverage(self, length_s: float) -> float:
        """The share of `length_s` in which a face was seen."""
        return min(self.observed_s / length_s, 1.0) if length_s > 0 else 1.0
