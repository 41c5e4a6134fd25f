"""Waits after failures: random up to a bound that doubles (full jitter), so that a fleet does not ask in step."""

import random
from typing import Final

MOST_DOUBLINGS: Final = 16


class Backoff:
    """`first_s` and `last_s` are the first and the greatest bound."""

    def __init__(self, first_s: float, last_s: float) -> None:
        self._first_s, self._last_s = first_s, last_s
        self.failures = 0

    def succeeded(self) -> None:
        self.failures = 0

    def wait_s(self, asked_s: float | None = None) -> float:
        """Return the wait after one more failure, at least what the server `asked` for."""
        bound_s = min(self._first_s * 2 ** min(self.failures, MOST_DOUBLINGS), self._last_s)
        self.failures += 1
        return max(random.uniform(0, bound_s), asked_s or 0.0)  # noqa: S311 - no secret
