"""Waits after failures: random below a bound that doubles (full jitter), so that no fleet marches in step."""

import random
from dataclasses import dataclass
from typing import Final

MOST_DOUBLINGS: Final = 32


@dataclass(slots=True)
class Backoff:
    """`first_s` and `last_s` are the first and the greatest bound."""

    first_s: float
    last_s: float
    failures: int = 0

    def next_s(self, asked_s: float | None = None) -> float:
        """The wait before the next try, random on top of what the server asked for: it asks all of them the same."""
        bound_s = min(self.last_s, self.first_s * 2.0 ** min(self.failures, MOST_DOUBLINGS))
        self.failures += 1
        return (asked_s or 0.0) + random.uniform(0, bound_s)  # noqa: S311 - no secret

    def succeeded(self) -> None:
        self.failures = 0
