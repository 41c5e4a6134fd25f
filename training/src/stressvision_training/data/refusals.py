"""What is done about a bad line or picture: stop at the first, or leave it out and count it by reason."""

from collections import Counter
from typing import Any, Final, Literal

Reason = Literal[
    "unusable source",
    "number of fields",
    "unknown label",
    "unknown usage",
    "number of pixels",
    "pixel value",
    "unreadable picture",
    "no face",
    "no subject",
    "outside the folder",
    "empty class",
    "votes",
    "not read",
]

EXAMPLES: Final = 20
"""How many messages of each reason are kept."""


class SourceError(ValueError):
    """A source cannot be used; the message names file, line or picture, the value, and what to do."""

    def __init__(self, message: str, reason: Reason = "unusable source") -> None:
        super().__init__(message)
        self.reason = reason


class Refusals:
    """The bad lines and pictures of a source, when they are to be left out."""

    def __init__(self, *, skip: bool) -> None:
        self._skip = skip
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def refuse(self, error: SourceError) -> None:
        """Raise `error`, or count it and keep its message for the metadata."""
        if not self._skip:
            raise SourceError(f"{error}; or leave such input out with --skip-bad", error.reason) from error
        self.count(error)

    def count(self, error: SourceError) -> None:
        """Keep the message for the metadata: what is left out whatever was asked, but never silently."""
        self.counts[error.reason] += 1
        kept = self.examples.setdefault(error.reason, [])
        if len(kept) < EXAMPLES:
            kept.append(str(error))

    def facts(self) -> dict[str, Any]:
        """Return the counts by reason and the first messages of each."""
        return {"counts": dict(sorted(self.counts.items())), "examples": self.examples}
