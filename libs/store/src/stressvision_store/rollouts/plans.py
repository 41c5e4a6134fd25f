"""How a rollout goes: which devices come first, how long each stage is watched, and what halts it."""

from math import floor
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAY_S: Final = 86400
Share = Annotated[float, Field(gt=0, le=1)]
Span = Annotated[float, Field(gt=0, le=30 * DAY_S)]


class Limits(BaseModel):
    """Beyond any of these a rollout halts by itself. Shares are of the devices that were offered the model.

    `failed`: rejected or reverted. `lost`: after they were told of it; one that was silent before says nothing of the
    model. `sick`: slower than `latency_s` for a face (p95), or with more than `bad_outputs`
    answers that were no probabilities. Against the control group, and against what the same devices saw before:
    `unknown_rise`, how much less of the time may be recognised; `class_mix`, the total variation distance of the times
    per class. Both groups must have been observed for `observed_s` in all before that is judged; 0 judges nothing, and
    nobody waits for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    failed: Annotated[float, Field(ge=0, le=1)] = 0.1
    lost: Annotated[float, Field(ge=0, le=1)] = 0.25
    sick: Annotated[float, Field(ge=0, le=1)] = 0.1
    latency_s: Annotated[float, Field(gt=0, le=10)] = 0.066
    bad_outputs: Annotated[int, Field(ge=0)] = 0
    unknown_rise: Annotated[float, Field(ge=0, le=1)] = 0.2
    class_mix: Annotated[float, Field(ge=0, le=1)] = 0.3
    observed_s: Annotated[float, Field(ge=0, le=30 * DAY_S)] = 1800


class Deadlines(BaseModel):
    """Of each state, in seconds. A device that shows that it runs the model is given as long again to confirm it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_s: Span = 30 * DAY_S
    stage_s: Span = DAY_S
    pause_s: Span = 7 * DAY_S
    roll_back_s: Span = 3600
    offered_s: Span = 3600
    downloaded_s: Span = 900
    verified_s: Span = 900
    installed_s: Span = 3600


class Plan(BaseModel):
    """The canary is a share of the fleet or named devices; then come `stages`, shares of the fleet, up to all of it.

    A stage is over when `confirmed` of its devices (lost ones aside) run the model, `soak_s` have passed since, and
    nothing is wrong with them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    canary_share: Share | None = None
    canary_devices: Annotated[tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...], Field(max_length=1000)] = ()
    stages: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)] = (0.25, 1.0)
    soak_s: Annotated[float, Field(ge=0, le=30 * DAY_S)] = 1800
    confirmed: Share = 0.9
    limits: Limits = Limits()
    deadlines: Deadlines = Deadlines()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.canary_share is None) == (not self.canary_devices):
            raise ValueError("give canary_share or canary_devices, one of the two")
        if list(self.stages) != sorted(set(self.stages)) or self.stages[-1] != 1.0:
            raise ValueError("stages must rise, each once, and end with 1.0")
        return self

    @property
    def shares(self) -> tuple[float, ...]:
        """After the canary; a stage that is no larger than the canary is left out."""
        return tuple(share for share in self.stages if share > (self.canary_share or 0)) or (1.0,)

    @property
    def last_stage(self) -> int:
        return 0 if self.canary_share == 1.0 else len(self.shares)


def stages_of(plan: Plan, device_ids: list[int]) -> dict[int, int]:
    """The stage from which on each device is a target; `device_ids` in the order in which they are to come."""
    named = set(plan.canary_devices)
    ordered = [device for device in device_ids if device in named]
    canary = len(ordered) if named else _count(plan.canary_share or 0, len(device_ids))
    ordered += [device for device in device_ids if device not in named]
    bounds = [canary, *(_count(share, len(ordered)) for share in plan.shares)]
    if plan.last_stage == 0:
        bounds = [len(ordered)]
    return {
        device: next(stage for stage, bound in enumerate(bounds) if place < bound)
        for place, device in enumerate(ordered)
    }


def _count(share: float, devices: int) -> int:
    """Never more than the share, save that one device is the least."""
    return max(1, floor(share * devices + 1e-9))
