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


@dataclass(frozen=True, slots=True)
class Comparison:
    new: Seen
    control: Seen

    @property
    def unknown_rise(self) -> float:
        return self.new.unknown - self.control.unknown

    @property
    def class_mix(self) -> float:
        """Total variation distance of the shares per class, 0 to 1."""
        labels = {*self.new.seconds, *self.control.seconds}
        return sum(abs(self.new.share(label) - self.control.share(label)) for label in labels) / 2

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
        enough = min(self.new.captured_s, self.control.captured_s) >= limits.observed_s > 0
        if enough and self.control.observed_s >= limits.observed_s and self.unknown_rise > limits.unknown_rise:
            return "unknown", (
                f"{self.new.unknown:.0%} of the time is not recognised, {self.control.unknown:.0%} in the control group"
            )
        if self.missing(limits) is None and self.class_mix > limits.class_mix:
            return "class_mix", f"the classes differ from the control group's by {self.class_mix:.2f} (0 to 1)"
        return None

    def as_json(self) -> dict[str, Any]:
        return {
            "unknown_rise": round(self.unknown_rise, 4),
            "class_mix": round(self.class_mix, 4),
            **{
                name: {
                    "captured_s": round(seen.captured_s, 1),
                    "observed_s": round(seen.observed_s, 1),
                    "seconds": {label: round(value, 1) for label, value in seen.seconds.items()},
                }
                for name, seen in (("new", self.new), ("control", self.control))
            },
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        return cls(Seen(**kept["new"]), Seen(**kept["control"]))
