"""Who may send how much while the intake is pressed: a leaky allowance for each device, or address."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

FORGET_AT: Final = 10_000
"""How many allowances are kept before those that are full again are dropped."""


@dataclass(slots=True)
class _Allowance:
    left: float
    at_s: float


class Allowances:
    """Each holder may spend `burst` at once and `rate` a second after that."""

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._held: dict[Hashable, _Allowance] = {}

    def spend(self, holder: Hashable, amount: float) -> None:
        """Take it even when it is not there: a debt of at most one burst, paid off by waiting."""
        allowance = self._refill(holder)
        allowance.left = max(allowance.left - amount, -self._burst)

    def wait_s(self, holder: Hashable) -> float:
        """How long until the holder is out of debt; 0 when it is."""
        return max(0.0, -self._refill(holder).left / self._rate)

    def _refill(self, holder: Hashable) -> _Allowance:
        now_s = self._clock()
        allowance = self._held.get(holder)
        if allowance is None:
            if len(self._held) >= FORGET_AT:
                self._forget(now_s)
            allowance = self._held[holder] = _Allowance(self._burst, now_s)
        allowance.left = min(self._burst, allowance.left + (now_s - allowance.at_s) * self._rate)
        allowance.at_s = now_s
        return allowance

    def _forget(self, now_s: float) -> None:
        self._held = {
            holder: kept
            for holder, kept in self._held.items()
            if kept.left + (now_s - kept.at_s) * self._rate < self._burst
        }
