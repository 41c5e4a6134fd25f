"""Drafts that wait in memory while the disk takes none; beyond a bound the least worth go, counted."""

from collections import deque

from stressvision_agent.drafts import AnyDraft, GapDraft, WindowDraft
from stressvision_agent.metrics import DROPPED

HELD = 1_000
"""16 hours of windows."""


class Held:
    """`dropped` is the gap that stands for drafts given up here, before they ever had a number."""

    def __init__(self) -> None:
        self._drafts: deque[AnyDraft] = deque()
        self.dropped: GapDraft | None = None

    def __len__(self) -> int:
        return len(self._drafts)

    def add(self, draft: AnyDraft) -> None:
        self._drafts.append(draft)
        if len(self._drafts) <= HELD:
            return
        given_up = next((held for held in self._drafts if isinstance(held, WindowDraft)), self._drafts[0])
        self._drafts.remove(given_up)
        self._drop(given_up)

    def all(self) -> list[AnyDraft]:
        return ([self.dropped] if self.dropped else []) + list(self._drafts)

    def clear(self) -> None:
        self._drafts.clear()
        self.dropped = None

    def _drop(self, draft: AnyDraft) -> None:
        lost = 1 + (draft.lost if isinstance(draft, GapDraft) else 0)
        DROPPED.inc(lost)
        before = self.dropped
        self.dropped = GapDraft(
            started_s=min(draft.started_s, before.started_s) if before else draft.started_s,
            ended_s=max(draft.ended_s, before.ended_s) if before else draft.ended_s,
            model_version=draft.model_version,
            reason="spool_full",
            lost=lost + (before.lost if before else 0),
        )
