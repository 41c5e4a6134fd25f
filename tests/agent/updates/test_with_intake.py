"""The updating side against the real intake and its repository in Postgres: rollouts from offer to end."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from stressvision_agent.clock import SystemClock
from stressvision_agent.enrolment import join
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.rotation import KeptIdentity, Rotation
from stressvision_agent.sight import Sight
from stressvision_store import keys, model_versions
from stressvision_store.rollout_tables import RolloutDevice
from stressvision_store.rollouts import orders
from stressvision_store.rollouts.plans import Plan
from stressvision_store.rollouts.steps import step
from stressvision_store.session import transaction
from support.device import sending_side
from support.intake import make_settings, new_code, serve_intake
from support.models import CONTENT, FACTORY, make_model, manifest_of
from support.repository import Repository
from support.updating import device_of, settings_of

pytestmark = pytest.mark.db


@pytest.fixture
def repository(database):
    made = Repository(database)
    made.create()
    for content, version in ((CONTENT, FACTORY["version"]), (make_model("good"), "n-1")):
        add(made, content, version)
    with transaction(database.engine("control")) as session:
        model_versions.desire_model(session, FACTORY["version"])
    return made


def add(repository, content, version):
    stated = manifest_of(content, version)
    said = {name: stated[name] for name in ("file", "label_scheme", "labels", "input", "episodes", "temperature")}
    repository.add(version, content, **said)


@pytest.fixture
def settings(tmp_path, database, redis_url, repository):
    with serve_intake(make_settings(database, redis_url)) as intake:
        settings = settings_of(tmp_path / "state", str(intake.base_url))
        join(settings, new_code(database.engine()))
        yield settings


class Beating:
    """A device with its heartbeats, all over real HTTP."""

    def __init__(self, device, settings, side, rotation):
        self.device = device
        self.heartbeater = Heartbeater(
            side.spool, side.client, side.timeline, side.clock, device.directives, settings, self.sight,
            device.updater, rotation,
        )  # fmt: skip

    def sight(self):
        manifest = self.device.in_use.manifest
        return Sight(model_version=manifest.version, model_digest=manifest.digest, state="seeing", bad_outputs=0)

    def beat(self):
        assert self.heartbeater.beat()
        self.heartbeater._rotate()
        return self.device.turn()


@pytest.fixture
def beating(settings, tmp_path):
    kept = KeptIdentity(settings.key_file, settings.enrolled_file)
    with (
        device_of(settings, kept) as device,
        sending_side(tmp_path / "spool", settings.server.url, SystemClock(), identity=kept) as side,
    ):
        rotation = Rotation(kept, side.client, side.timeline.now)
        yield Beating(device, settings, side, rotation)


def begin(database, version):
    plan = Plan(canary_share=1.0, stages=(1.0,))
    now = datetime.now(UTC)
    with transaction(database.engine("control")) as session:
        made = orders.create(session, version=version, plan=plan, actor="ana (token 1)", now=now)
        orders.approve(session, made.id, actor="bea (token 2)", now=now)
        orders.start(session, made.id, now=now)
        return made.id


def server_says(database):
    with transaction(database.engine()) as session:
        row = session.exec(select(RolloutDevice).order_by(col(RolloutDevice.rollout_id).desc())).first()
        return (row.state, row.reason)


def advance(database):
    with transaction(database.engine("worker")) as session:
        step(session, datetime.now(UTC))


def test_a_rollout_is_followed_to_its_confirmation(beating, database):
    assert beating.beat().state == "confirmed"
    begin(database, "n-1")
    advance(database)
    beating.beat()
    assert beating.device.state == "installed"
    beating.beat()
    assert server_says(database)[0] == "installed"
    beating.device.see()
    beating.beat()
    assert server_says(database)[0] == "confirmed"


def test_a_model_that_is_refused_halts_the_rollout_and_the_device_is_on_the_old_one(beating, database, repository):
    add(repository, make_model("constant"), "bad-1")
    beating.beat()
    begin(database, "bad-1")
    advance(database)
    beating.beat()
    beating.beat()
    assert server_says(database) == ("rejected", "it gives the same answer for every stored crop")
    advance(database)
    with transaction(database.engine()) as session:
        assert session.execute(text("SELECT state FROM rollouts")).scalar_one() in {"halted", "rolling_back"}
    assert beating.beat().in_use.manifest.version == FACTORY["version"]


def test_an_operator_asks_for_a_new_key(beating, database):
    beating.beat()
    with transaction(database.engine("control")) as session:
        assert keys.ask_rotation(session) == 1
    beating.beat()
    beating.beat()
    with transaction(database.engine()) as session:
        row = session.execute(text("SELECT previous_key, key_rotation_asked_at FROM devices")).one()
    assert tuple(row) == (None, None)
