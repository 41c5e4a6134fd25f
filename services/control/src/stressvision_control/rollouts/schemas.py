"""What travels about rollouts."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from stressvision_control.fields import Body, View
from stressvision_store.rollout_tables import Cause, RolloutState, TargetState
from stressvision_store.rollouts.listing import RolloutEntry, TargetEntry
from stressvision_store.rollouts.plans import Plan

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]


class NewRollout(Body):
    version: Version
    plan: Plan = Plan(canary_share=0.1)


class Why(Body):
    """`reason` is kept with the rollout and in the audit."""

    reason: Reason | None = None


class Resuming(Body):
    """`without_comparison`: the stage may pass although too little was seen to compare it with the control group."""

    without_comparison: bool = False


class RolloutView(View):
    """`devices` counts all by state, `reached` those whose stage has come. Stages count from 0, the canary."""

    id: int
    version: str
    previous_version: str | None
    state: RolloutState
    stage: int
    last_stage: int
    cause: Cause | None
    reason: str | None
    created_by: str
    created_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    started_at: datetime | None
    state_at: datetime
    stage_at: datetime | None
    deadline_at: datetime | None
    reached: int
    devices: dict[TargetState, int]


class RolloutDetail(RolloutView):
    """`comparison`: what was last found between the new model's devices and the control group, at `compared_at`."""

    plan: Plan
    waived_stage: int | None
    compared_at: datetime | None
    comparison: dict[str, Any] | None


class TargetView(View):
    device_id: int
    name: str
    stage: int
    control: bool
    state: TargetState
    reason: str | None
    offered_at: datetime | None
    state_at: datetime
    deadline_at: datetime | None
    model_version: str | None
    model_digest: str | None
    heartbeat_at: datetime | None


def view_of(entry: RolloutEntry) -> RolloutView:
    return RolloutView(**_fields(entry, RolloutView))


def detail_of(entry: RolloutEntry) -> RolloutDetail:
    return RolloutDetail(**_fields(entry, RolloutDetail))


def target_of(entry: TargetEntry) -> TargetView:
    target = entry.target
    own = {name: getattr(target, name) for name in TargetView.model_fields if hasattr(target, name)}
    said = {name: getattr(entry, name) for name in ("name", "model_version", "model_digest", "heartbeat_at")}
    return TargetView(**own, **said)


def _fields(entry: RolloutEntry, view: type[RolloutView]) -> dict[str, Any]:
    own = {name: getattr(entry.rollout, name) for name in view.model_fields if hasattr(entry.rollout, name)}
    plan = Plan.model_validate(entry.rollout.plan)
    return own | {"last_stage": plan.last_stage, "reached": entry.reached, "devices": entry.counts}
