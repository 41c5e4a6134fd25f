"""The new model's devices beside the control group: how much is recognised, and what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from stressvision_store.rollout_tables import Cause
from stressvision_store.rollouts.plans import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a group of devices saw. `seconds`: by class; their sum is what was recognised of `captured_s`."""

    captured_s: float = 0.0
    observed_s: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def unknown(self) -> float:
        """The share of the time that was captured and not recognised."""
        return 1 - self.observed_s / self.captured_s if self.captured_s else 1.0

    def share(self, label: str) -> float:
        total = sum(self.seconds.values())
        return self.seconds.get(label, 0.0) / total if total else 0.0


def distance(one: Seen, other: Seen) -> float:
    """Total variation distance of the shares per class, 0 to 1."""
    return sum(abs(one.share(label) - other.share(label)) for label in {*one.seconds, *other.seconds}) / 2


@dataclass(frozen=True, slots=True)
class Comparison:
    """The new model's devices beside the control group, and beside themselves before they had it.

    What differs from only one of the two is no harm of the model: a station that is unlike the others differs from
    them, and a night shift from the day before.
    """

    new: Seen
    control: Seen
    before: Seen = field(default_factory=Seen)

    def _yardsticks(self, limits: Limits) -> list[Seen]:
        """Their own past counts once there is enough of it."""
        return [self.control, *([self.before] if self.before.observed_s >= limits.observed_s else [])]

    def unknown_rise(self, limits: Limits) -> float:
        return min(self.new.unknown - each.unknown for each in self._yardsticks(limits))

    def class_mix(self, limits: Limits) -> float:
        return min(distance(self.new, each) for each in self._yardsticks(limits))

    def missing(self, limits: Limits) -> str | None:
        """What is yet to be observed before the groups can be told apart, in words."""
        short = [
            f"{name} {seen.observed_s:.0f} of {limits.observed_s:.0f} s"
            for name, seen in (("new model", self.new), ("control group", self.control))
            if seen.observed_s < limits.observed_s
        ]
        return f"not enough data: {', '.join(short)} observed" if short else None

    def fault(self, limits: Limits) -> tuple[Cause, str] | None:
        """What is wrong with the new model's devices; nothing is said before enough is known."""
        rise, mix = self.unknown_rise(limits), self.class_mix(limits)
        known = min(self.new.captured_s, self.control.observed_s) >= limits.observed_s > 0
        if known and rise > limits.unknown_rise:
            return "unknown", (
                f"{self.new.unknown:.0%} of the time is not recognised, {self.control.unknown:.0%} in the control group"
            )
        if self.missing(limits) is None and mix > limits.class_mix:
            own = " and from their own before" if len(self._yardsticks(limits)) > 1 else ""
            return "class_mix", f"the classes differ by {mix:.2f} (0 to 1) from the control group's{own}"
        return None

    def as_json(self, limits: Limits) -> dict[str, Any]:
        return {
            "unknown_rise": round(self.unknown_rise(limits), 4),
            "class_mix": round(self.class_mix(limits), 4),
            **{
                name: {
                    "captured_s": round(seen.captured_s, 1),
                    "observed_s": round(seen.observed_s, 1),
                    "seconds": {label: round(value, 1) for label, value in seen.seconds.items()},
                }
                for name, seen in (("new", self.new), ("control", self.control), ("before", self.before))
            },
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        return cls(*(Seen(**kept[name]) for name in ("new", "control", "before")))
