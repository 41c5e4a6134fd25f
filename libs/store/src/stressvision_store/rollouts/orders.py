"""What people do with a rollout: make it, let it pass, start it, hold it, and take it back."""

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import text
from sqlmodel import Session, col, select

from stressvision_store import devices, model_versions
from stressvision_store.fleet_states import state_of_device
from stressvision_store.locks import Lock, hold
from stressvision_store.model_gates import person_of
from stressvision_store.model_tables import ModelVersion
from stressvision_store.paging import one
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.rollout_tables import Rollout, RolloutDevice, RolloutState
from stressvision_store.rollouts.decisions import Decision
from stressvision_store.rollouts.plans import Plan, stages_of
from stressvision_store.rollouts.steps import enter, offer
from stressvision_store.tables import Device, DeviceState


def create(session: Session, *, version: str, plan: Plan, actor: str, now: datetime) -> Rollout:
    """A draft. Raise `NotFoundError`, or `ConflictError` for a model that devices could not download."""
    _refuse_unpublished(one(session, ModelVersion, version, "model"))
    rollout = Rollout(
        version=version,
        plan=plan.model_dump(mode="json"),
        created_by=actor,
        created_at=now,
        state_at=now,
        deadline_at=now + timedelta(seconds=plan.deadlines.start_s),
    )
    session.add(rollout)
    session.flush()
    return rollout


def approve(session: Session, rollout_id: int, *, actor: str, now: datetime) -> Rollout:
    """Raise `ConflictError` for whoever made it: two people stand behind a rollout."""
    rollout, plan = _take(session, rollout_id, "approved", since=("draft",))
    if person_of(rollout.created_by) == person_of(actor):
        raise ConflictError(f"{person_of(actor)} made rollout {rollout_id}; another person must approve it")
    rollout.approved_by, rollout.approved_at = actor, now
    return _enter(session, rollout, plan, Decision("approved"), now)


def start(session: Session, rollout_id: int, *, now: datetime) -> Rollout:
    """Choose who comes when among the devices that may speak, and offer the model to the canary.

    Raise `ConflictError` while another rollout is live, when the fleet runs this model already or none that it could
    go back to, or when there is nobody to offer it to.
    """
    hold(session, Lock.ROLLOUTS)
    rollout, plan = _take(session, rollout_id, "canary", since=("approved",))
    _refuse_unpublished(one(session, ModelVersion, rollout.version, "model"))
    other = live_rollout(session)
    if other is not None:
        raise ConflictError(f"rollout {other.id} of {other.version} is {other.state}; one is live at a time")
    current = devices.desired_model(session)
    if current is None:
        raise ConflictError("the fleet has no model to go back to; `stressvision models desire` one first")
    if current.version == rollout.version:
        raise ConflictError(f"the fleet runs {rollout.version} already")
    rollout.previous_version, rollout.started_at, rollout.stage_at = current.version, now, now
    rollout.stage = 0
    _choose(session, rollout, plan, now)
    _enter(session, rollout, plan, Decision("canary"), now)
    offer(session, rollout, plan.deadlines, now)
    return rollout


def pause(session: Session, rollout_id: int, *, reason: str | None, now: datetime) -> Rollout:
    """Nothing new is offered; what was offered stays, and is watched on."""
    rollout, plan = _take(session, rollout_id, "paused", since=("canary", "expanding"))
    return _enter(session, rollout, plan, Decision("paused", "operator", reason or "an operator paused it"), now)


def resume(session: Session, rollout_id: int, *, without_comparison: bool, now: datetime) -> Rollout:
    """Go on where it was paused, with a fresh deadline. `without_comparison`: this stage may pass for want of data."""
    rollout, plan = _take(session, rollout_id, "resumed", since=("paused",))
    rollout.cause, rollout.reason = None, None
    if without_comparison:
        rollout.waived_stage = rollout.stage
    return _enter(session, rollout, plan, Decision(cast("RolloutState", rollout.resume_to)), now)


def halt(session: Session, rollout_id: int, *, reason: str | None, now: datetime) -> Rollout:
    """Stop it for good. Devices are told the model before at once; one that was not started simply ends."""
    since: tuple[RolloutState, ...] = ("draft", "approved", "canary", "expanding", "paused")
    rollout, plan = _take(session, rollout_id, "halted", since=since)
    return _enter(session, rollout, plan, Decision("halted", "operator", reason or "an operator halted it"), now)


def roll_back(session: Session, rollout_id: int, *, reason: str | None, now: datetime) -> Rollout:
    """Take the model back from every device, also after the rollout was complete, while the fleet still runs it."""
    hold(session, Lock.ROLLOUTS)
    since: tuple[RolloutState, ...] = ("canary", "expanding", "paused", "halted", "complete")
    rollout, plan = _take(session, rollout_id, "rolled back", since=since)
    if rollout.started_at is None:
        raise ConflictError(f"rollout {rollout_id} was never started; there is nothing to take back")
    if rollout.state == "complete":
        _undo(session, rollout)
    decision = Decision("rolling_back", "operator", reason or "an operator took it back")
    return _enter(session, rollout, plan, decision, now)


def live_rollout(session: Session) -> Rollout | None:
    return session.exec(select(Rollout).where(col(Rollout.live))).one_or_none()


def refuse_while_live(session: Session, version: str) -> None:
    """Raise `ConflictError` when the fleet is to run another model while a rollout decides that."""
    hold(session, Lock.ROLLOUTS)
    other, current = live_rollout(session), devices.desired_model(session)
    if other is not None and (current is None or current.version != version):
        raise ConflictError(
            f"rollout {other.id} of {other.version} is {other.state}; halt it first, or wait until it is over"
        )


def refuse_in_use(session: Session, version: str) -> None:
    """Raise `ConflictError` when a live rollout brings this model, or would go back to it. None begins meanwhile."""
    hold(session, Lock.ROLLOUTS)
    other = live_rollout(session)
    if other is not None and version in (other.version, other.previous_version):
        raise ConflictError(f"rollout {other.id} of {other.version} is {other.state} and needs model {version!r}")


def _undo(session: Session, rollout: Rollout) -> None:
    other = live_rollout(session)
    if other is not None:
        raise ConflictError(f"rollout {other.id} of {other.version} is {other.state}; one is live at a time")
    current = devices.desired_model(session)
    if current is None or current.version != rollout.version:
        raise ConflictError(f"the fleet does not run {rollout.version} any more; there is nothing to take back")
    model_versions.desire_model(session, rollout.previous_version or "")


def _choose(session: Session, rollout: Rollout, plan: Plan, now: datetime) -> None:
    """Devices that are online come first; among equals chance decides, the same for this rollout every time."""
    chance = text("md5(:salt || '-' || devices.id)").bindparams(salt=str(rollout.id))
    ranked = session.execute(
        select(col(Device.id))
        .outerjoin(DeviceState, col(DeviceState.device_id) == col(Device.id))
        .where(col(Device.revoked_at).is_(None))
        .order_by(state_of_device() != "online", chance)
    ).scalars()
    ids = [device for device in ranked if device is not None]
    if not ids:
        raise ConflictError("there is no device to offer a model to")
    strangers = sorted(set(plan.canary_devices) - set(ids))
    if strangers:
        named = ", ".join(map(str, strangers))
        raise InvalidError(f"no device of the fleet: {named}; make a rollout without", field="canary_devices")
    last = plan.last_stage
    for device, stage in stages_of(plan, ids).items():
        control = stage == last and last > 0
        session.add(
            RolloutDevice(rollout_id=rollout.id or 0, device_id=device, stage=stage, control=control, state_at=now)
        )
    session.flush()


def _take(session: Session, rollout_id: int, verb: str, *, since: tuple[RolloutState, ...]) -> tuple[Rollout, Plan]:
    rollout = one(session, Rollout, rollout_id, "rollout", lock=True)
    session.refresh(rollout)
    if rollout.state not in since:
        raise ConflictError(f"rollout {rollout_id} is {rollout.state}; only {' or '.join(since)} can be {verb}")
    return rollout, Plan.model_validate(rollout.plan)


def _enter(session: Session, rollout: Rollout, plan: Plan, decision: Decision, now: datetime) -> Rollout:
    enter(rollout, plan, decision, now)
    session.flush()
    return rollout


def _refuse_unpublished(model: ModelVersion) -> None:
    if model.state != "approved" or model.published_at is None:
        how = "approved, but not signed yet" if model.state == "approved" else model.state
        raise ConflictError(f"model {model.version!r} is {how}; only approved and signed models are rolled out")
