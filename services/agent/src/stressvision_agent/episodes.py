"""When lasting signs of stress or tiredness begin and end. Pure: time comes in as numbers, drafts come out.

For each condition, a frame's probability is taken relative to the person's baseline, smoothed (half-life 1.5 s) and
compared with `on`, or with `off` while an episode is open: the frame then counts or not. Of the time within
`window_s` in which a usable face was seen, the counting part is the share.

An episode opens when the share has been at `enter_share` or more for `min_s`, dips below `merge_s` overlooked, and
the latest frame counts: what has passed already is not announced. It begins where that stretch began. It closes when
the share has been below `leave_share` for `leave_s` (or `merge_s`, if longer), and ended where that stretch began.
After a close none opens for `cooldown_s`.

The state is `unknown` while a face was seen for less than half of `window_s`: nothing opens then, and an open episode
closes once that has lasted `leave_s`, at the last moment with a face. It is `calibrating` until the baseline stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID, uuid4

from stressvision_agent.baseline import ABSENCE_S, Baseline
from stressvision_agent.drafts import EpisodeDraft
from stressvision_agent.share import Share, Tally
from stressvision_contracts.labels import CONDITIONS, Condition, Label, Phase
from stressvision_contracts.manifest import EpisodeThresholds

HALF_LIFE_S: Final = 1.5
HOLD_S: Final = 2.0
"""A frame speaks for the time until the next one, but for no longer than this."""

State = Literal["calibrating", "unknown", "calm", "open"]


class EpisodeTracker:
    """All conditions of `thresholds` (a manifest's `episodes`). Drafts come out in the order of their ends."""

    def __init__(
        self,
        thresholds: Mapping[Condition, EpisodeThresholds],
        model_version: str,
        *,
        min_coverage: float = 0.5,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._trackers = {
            condition: _ConditionTracker(condition, thresholds[condition], model_version, min_coverage, new_id)
            for condition in CONDITIONS
            if condition in thresholds
        }
        self._last_s: float | None = None

    def observe(self, at_s: float, probabilities: Mapping[Label, float] | None) -> list[EpisodeDraft]:
        """Take in a frame of `at_s` (monotonic seconds), None without a usable face.

        A time before the last one counts as the last one.
        """
        last = self._last_s
        at_s = at_s if last is None else max(at_s, last)
        span_s = 0.0 if last is None else min(at_s - last, HOLD_S)
        self._last_s = at_s
        drafts = []
        for condition, tracker in self._trackers.items():
            probability = None if probabilities is None else probabilities.get(condition)
            drafts += tracker.observe(at_s, span_s, probability)
        return drafts

    def interrupt(self, at_s: float) -> list[EpisodeDraft]:
        """Close what is open: nothing is seen after `at_s`, as when the camera stalls or the agent stops."""
        at_s = at_s if self._last_s is None else max(at_s, self._last_s)
        return [draft for tracker in self._trackers.values() for draft in tracker.interrupt(at_s)]

    def states(self) -> dict[Condition, State]:
        return {condition: tracker.state for condition, tracker in self._trackers.items()}


class _ConditionTracker:
    def __init__(
        self,
        condition: Condition,
        thresholds: EpisodeThresholds,
        model_version: str,
        min_coverage: float,
        new_id: Callable[[], UUID],
    ) -> None:
        self._condition, self._thresholds, self._model_version = condition, thresholds, model_version
        self._min_coverage, self._new_id = min_coverage, new_id
        self._baseline = Baseline()
        self._share = Share(thresholds.window_s)
        self._smooth: float | None = None
        self._face_s: float | None = None
        self._counts = False
        self._entry = _Stretch()
        self._exit = _Stretch()
        self._dip = _Stretch()
        self._cool_until_s = 0.0
        self._open: _Open | None = None
        self._tally = Tally()

    @property
    def state(self) -> State:
        if self._open is not None:
            return "open"
        if self._baseline.is_calibrating:
            return "calibrating"
        return "calm" if self._is_covered else "unknown"

    @property
    def _is_covered(self) -> bool:
        return self._share.coverage >= self._min_coverage

    def observe(self, at_s: float, span_s: float, probability: float | None) -> list[EpisodeDraft]:
        if probability is None:
            self._counts = False
            self._share.add(at_s, 0.0, counts=False)
        else:
            self._see(at_s, span_s, probability)
        if self._open is None:
            return self._try_to_open(at_s)
        return self._try_to_close(self._open, at_s)

    def interrupt(self, at_s: float) -> list[EpisodeDraft]:
        drafts = self._close(self._open, at_s) if self._open else []
        self._entry.stop()
        self._smooth = None
        return drafts

    def _see(self, at_s: float, span_s: float, probability: float) -> None:
        away_s = 0.0 if self._face_s is None else at_s - self._face_s
        if away_s > ABSENCE_S:
            self._baseline.reset()
            self._share.clear()
        if away_s > HOLD_S:
            self._smooth = None
        self._face_s = at_s
        limit = self._thresholds.off if self._open else self._thresholds.on
        value = self._baseline.adjust(probability)
        if self._open is None or value < limit:
            # an episode must not become what is usual, and so end itself
            self._baseline.learn(probability, span_s)
        keep = 0.5 ** (span_s / HALF_LIFE_S)
        self._smooth = value if self._smooth is None else self._smooth * keep + value * (1 - keep)
        self._counts = self._smooth > limit
        self._share.add(at_s, span_s, counts=self._counts)
        self._tally = self._tally.plus(self._smooth, span_s)

    def _try_to_open(self, at_s: float) -> list[EpisodeDraft]:
        if self._baseline.is_calibrating or at_s < self._cool_until_s or not self._is_covered:
            self._entry.stop()
        elif self._share.value >= self._thresholds.enter_share:
            self._dip.stop()
            if not self._entry.runs:
                self._entry.start(at_s)
                self._tally = Tally()
            if self._counts and self._entry.lasted(at_s) >= self._thresholds.min_s:
                return self._begin(at_s)
        else:
            self._dip.start(at_s)
            if self._dip.lasted(at_s) >= self._thresholds.merge_s:
                self._entry.stop()
        return []

    def _begin(self, at_s: float) -> list[EpisodeDraft]:
        self._open = _Open(self._new_id(), self._entry.since(at_s), at_s)
        self._exit.stop()
        return [self._draft(self._open, "open", at_s, self._tally)]

    def _try_to_close(self, episode: "_Open", at_s: float) -> list[EpisodeDraft]:
        covered = self._is_covered
        if covered and self._share.value >= self._thresholds.leave_share:
            self._exit.stop()
            return []
        if not self._exit.runs:
            # what follows belongs to the leaving, not to the episode
            self._before_exit = self._tally
        self._exit.start(at_s)
        hold_s = max(self._thresholds.leave_s, self._thresholds.merge_s) if covered else self._thresholds.leave_s
        if self._exit.lasted(at_s) < hold_s:
            return []
        self._tally = self._before_exit
        return self._close(episode, min(self._exit.since(at_s), self._face_s or at_s))

    def _close(self, episode: "_Open", at_s: float) -> list[EpisodeDraft]:
        ended_s = max(at_s, episode.opened_s)
        self._open = None
        self._cool_until_s = ended_s + self._thresholds.cooldown_s
        self._entry.stop()
        self._dip.stop()
        return [self._draft(episode, "close", ended_s, self._tally)]

    def _draft(self, episode: "_Open", phase: Phase, ended_s: float, tally: Tally) -> EpisodeDraft:
        return EpisodeDraft(
            started_s=episode.started_s,
            ended_s=ended_s,
            model_version=self._model_version,
            episode_id=episode.id,
            phase=phase,
            condition=self._condition,
            peak=round(min(tally.peak, 1.0), 6),
            mean=round(min(tally.mean, 1.0), 6),
            coverage=round(tally.coverage(ended_s - episode.started_s), 6),
        )


@dataclass(frozen=True, slots=True)
class _Open:
    id: UUID
    started_s: float
    opened_s: float


class _Stretch:
    """A stretch of time that runs or does not."""

    def __init__(self) -> None:
        self._since_s: float | None = None

    @property
    def runs(self) -> bool:
        return self._since_s is not None

    def start(self, at_s: float) -> None:
        """Begin, unless it runs already."""
        if self._since_s is None:
            self._since_s = at_s

    def stop(self) -> None:
        self._since_s = None

    def since(self, at_s: float) -> float:
        return at_s if self._since_s is None else self._since_s

    def lasted(self, at_s: float) -> float:
        return at_s - self.since(at_s)
