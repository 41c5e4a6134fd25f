"""A fleet on a real database that gets a new model in a rollout, with a clock that tests set."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from stressvision_contracts.fleet import DesiredModel, Heartbeat, ModelUpdate, UpdateState
from stressvision_store import devices, rollouts
from stressvision_store.model_tables import ModelVersion
from stressvision_store.rollout_tables import Rollout, RolloutDevice
from stressvision_store.rollouts import orders
from stressvision_store.rollouts.plans import Plan
from stressvision_store.rollouts.steps import Move
from stressvision_store.session import transaction
from stressvision_store.tables import Device
from support import workforce
from support.database import Database

OLD, NEW = "company5-1.0.0", "company5-2.0.0"
DIGESTS = {OLD: "0" * 64, NEW: "1" * 64}
PEOPLE = ("ana (token 1)", "bea (token 2)")


def register(database: Database, version: str, *, desired: bool = False) -> None:
    """As one that was approved and signed."""
    now = datetime.now(UTC)
    with transaction(database.engine()) as session:
        session.add(
            ModelVersion(
                version=version, digest=DIGESTS[version], manifest={}, state="approved", published_at=now,
                registered_at=now, desired=desired,
            )
        )  # fmt: skip


@dataclass
class Fleet:
    """`now` is the time of whatever happens next."""

    database: Database
    devices: list[int]
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    rollout: int = 0

    @classmethod
    def of(cls, database: Database, size: int) -> "Fleet":
        register(database, OLD, desired=True)
        register(database, NEW)
        return cls(database, workforce.devices(database, size))

    def wait(self, **much: float) -> None:
        self.now += timedelta(**much)

    def begin(self, plan: Plan, version: str = NEW) -> int:
        """Make, approve and start a rollout."""
        with transaction(self.database.engine("control")) as session:
            made = orders.create(session, version=version, plan=plan, actor=PEOPLE[0], now=self.now)
            self.rollout = made.id or 0
            orders.approve(session, self.rollout, actor=PEOPLE[1], now=self.now)
        with transaction(self.database.engine("control")) as session:
            orders.start(session, self.rollout, now=self.now)
        return self.rollout

    def order(self, verb: str, **words: Any) -> str:
        with transaction(self.database.engine("control")) as session:
            return str(getattr(orders, verb)(session, self.rollout, now=self.now, **words).state)

    def beat(
        self, device: int, *, runs: str | None = OLD, state: UpdateState | None = None, of: str = NEW, **said: Any
    ) -> DesiredModel | None:
        """A heartbeat; what the device is told to run."""
        words = {"reason": said.pop("reason", None)}
        heartbeat = Heartbeat(
            sent_at=self.now, boot_id="boot-1", agent_version="0.1.0", next_seq=1, model_version=runs,
            model_digest=DIGESTS[runs] if runs is not None else None,
            update=ModelUpdate(version=of, state=state, **words) if state is not None else None,
            **said,
        )  # fmt: skip
        with transaction(self.database.engine("ingest")) as session:
            devices.record_heartbeat(session, device, heartbeat, self.now)
            rollouts.record_report(session, device, heartbeat, self.now)
            return rollouts.desired_model(session, device)

    def told(self, device: int) -> str | None:
        with transaction(self.database.engine("ingest")) as session:
            wanted = rollouts.desired_model(session, device)
        return wanted.version if wanted is not None else None

    def all_told(self) -> dict[int, str | None]:
        with transaction(self.database.engine("ingest")) as session:
            wanted = {device: rollouts.desired_model(session, device) for device in self.devices}
        return {device: model.version if model is not None else None for device, model in wanted.items()}

    def confirm(self, which: Iterable[int], **said: Any) -> None:
        for device in which:
            self.beat(device, runs=NEW, state="confirmed", **said)

    def step(self) -> list[Move]:
        with transaction(self.database.engine("worker")) as session:
            return rollouts.step(session, self.now)

    def row(self) -> Rollout:
        with transaction(self.database.engine()) as session:
            rollout = session.get_one(Rollout, self.rollout)
            session.expunge(rollout)
            return rollout

    @property
    def state(self) -> str:
        return self.row().state

    def targets(self) -> dict[int, RolloutDevice]:
        with transaction(self.database.engine()) as session:
            rows = session.exec(select(RolloutDevice).where(col(RolloutDevice.rollout_id) == self.rollout)).all()
            session.expunge_all()
        return {row.device_id: row for row in rows}

    def states(self) -> dict[int, str]:
        return {device: target.state for device, target in self.targets().items()}

    def at_stage(self, stage: int) -> list[int]:
        return sorted(device for device, target in self.targets().items() if target.stage == stage)

    def desired(self) -> str | None:
        with transaction(self.database.engine()) as session:
            wanted = devices.desired_model(session)
        return wanted.version if wanted is not None else None

    def revoke(self, device: int) -> None:
        with transaction(self.database.engine()) as session:
            session.get_one(Device, device).revoked_at = self.now
