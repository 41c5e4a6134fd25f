"""Gaps: time that was not observed, said in so many words so that it never reads as "not tired". Pure."""

from stressvision_agent.drafts import GapDraft
from stressvision_contracts.labels import GapReason


class GapKeeper:
    """One gap at a time, recorded in slices of at most `slice_s`, so that a crash loses one slice and no more."""

    def __init__(self, slice_s: float, model_version: str) -> None:
        if slice_s <= 0:
            raise ValueError(f"a slice of a gap must last more than 0 s, not {slice_s}")
        self._slice_s = slice_s
        self._model_version = model_version
        self._from_s = 0.0
        self.reason: GapReason | None = None

    def begin(self, reason: GapReason, at_s: float) -> None:
        """Nothing is observed from `at_s` on, for `reason`."""
        self.reason, self._from_s = reason, at_s

    def advance(self, at_s: float) -> list[GapDraft]:
        """Return the slices that are full by `at_s`."""
        full = []
        while self.reason is not None and at_s >= self._from_s + self._slice_s:
            full.append(self._slice(self.reason, self._from_s + self._slice_s))
        return full

    def end(self, at_s: float) -> list[GapDraft]:
        """Return what is left of the gap until `at_s`, and be ready for the next."""
        left = self.advance(at_s)
        if self.reason is not None and at_s > self._from_s:
            left.append(self._slice(self.reason, at_s))
        self.reason = None
        return left

    def _slice(self, reason: GapReason, until_s: float) -> GapDraft:
        started_s, self._from_s = self._from_s, until_s
        return GapDraft(started_s=started_s, ended_s=until_s, model_version=self._model_version, reason=reason)
