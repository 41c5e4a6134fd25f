"""What is usual for the person at the station: nobody's resting face may count as a sign of anything. Pure."""

import math
from bisect import bisect_left, insort
from collections import deque
from typing import Final

SPAN_S: Final = 900.0
"""A rolling median over 15 minutes of frames with a face (10 to 20 in research on person-specific normalisation)."""

CALIBRATION_S: Final = 90.0
"""Time with a face before the median means anything; until then nothing is concluded."""

ABSENCE_S: Final = 300.0
"""Away for so long, it may be someone else who comes back: faces are never recognised, so all is forgotten."""

REST_LOGIT: Final = math.log(0.1 / 0.9)
"""The log-odds that count as rest: a condition that a calibrated model gives one chance in ten."""

SHIFT: Final = (-1.0, 3.0)
"""Bounds on how far the baseline may move log-odds: faint faces gain a little, a stern face loses at most this."""

_STEP_S: Final = 1.0
_EDGE: Final = 1 / 512
"""INT8 outputs come in steps of 1/256; half a step keeps log-odds finite."""


class Baseline:
    """The rolling median of one condition's log-odds, one value a second."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the person."""
        self._values: deque[float] = deque()
        self._ordered: list[float] = []
        self._sum = self._weight_s = 0.0
        self._seen_s = 0.0

    @property
    def is_calibrating(self) -> bool:
        return self._seen_s < CALIBRATION_S

    def learn(self, probability: float, span_s: float) -> None:
        """Take in that `probability` held for `span_s` seconds."""
        self._seen_s += span_s
        self._sum += log_odds(probability) * span_s
        self._weight_s += span_s
        if self._weight_s < _STEP_S:
            return
        value = self._sum / self._weight_s
        self._sum = self._weight_s = 0.0
        self._values.append(value)
        insort(self._ordered, value)
        if len(self._values) > SPAN_S / _STEP_S:
            del self._ordered[bisect_left(self._ordered, self._values.popleft())]

    def adjust(self, probability: float) -> float:
        """Return `probability` as it would be, were the person's usual one that of rest."""
        if not self._ordered:
            return probability
        usual = self._ordered[len(self._ordered) // 2]
        shift = min(max(usual - REST_LOGIT, SHIFT[0]), SHIFT[1])
        return 1 / (1 + math.exp(shift - log_odds(probability)))


def log_odds(probability: float) -> float:
    """Return ln(p / (1 - p)), p held away from 0 and 1 by half an INT8 step."""
    held = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(held / (1 - held))
