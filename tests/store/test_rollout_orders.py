"""What people may do with a rollout, and what they may not."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from stressvision_store import model_versions
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.rollouts import orders
from stressvision_store.rollouts.plans import Limits, Plan
from stressvision_store.session import transaction
from support.database import Database
from support.rollouts import NEW, OLD, Fleet

pytestmark = pytest.mark.db
PLAN = Plan(canary_share=0.1, stages=(0.5, 1.0), soak_s=60, limits=Limits(observed_s=0))


def test_a_complete_rollout_can_be_taken_back(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.begin(Plan(canary_share=1.0, soak_s=0))
    fleet.confirm(fleet.devices)
    fleet.step()
    assert fleet.desired() == NEW
    assert fleet.order("roll_back", reason=None) == "rolling_back"
    assert (fleet.desired(), fleet.told(fleet.devices[0])) == (OLD, OLD)
    for device in fleet.devices:
        fleet.beat(device, runs=OLD)
    fleet.step()
    assert fleet.state == "rolled_back"


def test_two_people_stand_behind_a_rollout_and_one_is_live_at_a_time(database: Database) -> None:
    fleet = Fleet.of(database, 3)
    with transaction(database.engine("control")) as session:
        mine = orders.create(session, version=NEW, plan=PLAN, actor="ana (token 1)", now=fleet.now).id or 0
        with pytest.raises(ConflictError, match="another person"):
            orders.approve(session, mine, actor="ana (token 9)", now=fleet.now)
        with pytest.raises(ConflictError, match="is draft; only approved"):
            orders.start(session, mine, now=fleet.now)
    fleet.begin(PLAN)
    live = fleet.rollout
    with pytest.raises(ConflictError, match=f"rollout {live} of {NEW} is canary"):
        fleet.begin(PLAN)
    fleet.rollout = mine
    assert fleet.order("halt", reason=None) == "halted"
    fleet.step()
    fleet.step()
    assert fleet.state == "rolled_back", "one that never began ends at once, beside a live one"
    with pytest.raises(ConflictError, match="is rolled_back"):
        fleet.order("roll_back", reason=None)


def test_a_model_is_not_retired_while_its_rollout_is_being_started(database: Database) -> None:
    fleet = Fleet.of(database, 1)
    with transaction(database.engine("control")) as session:
        fleet.rollout = orders.create(session, version=NEW, plan=PLAN, actor="ana", now=fleet.now).id or 0
        orders.approve(session, fleet.rollout, actor="bea", now=fleet.now)

    def retire() -> None:
        with transaction(database.engine("control")) as session:
            orders.refuse_in_use(session, NEW)
            model_versions.retire_model(session, NEW)

    with ThreadPoolExecutor(1) as pool:
        with transaction(database.engine("control")) as session:
            orders.start(session, fleet.rollout, now=fleet.now)
            retiring = pool.submit(retire)
            wait([retiring], timeout=0.5)
        with pytest.raises(ConflictError, match="needs model"):
            retiring.result()


def test_a_rollout_nobody_starts_ends_at_its_deadline(database: Database) -> None:
    fleet = Fleet.of(database, 1)
    with transaction(database.engine("control")) as session:
        fleet.rollout = orders.create(session, version=NEW, plan=PLAN, actor="ana", now=fleet.now).id or 0
    fleet.wait(days=30)
    for _ in range(3):
        fleet.step()
    assert (fleet.state, fleet.row().cause) == ("rolled_back", "deadline")


def test_what_cannot_be_rolled_out_is_refused(database: Database) -> None:
    fleet = Fleet.of(database, 0)
    with pytest.raises(ConflictError, match="no device"):
        fleet.begin(PLAN)
    with pytest.raises(ConflictError, match="the fleet runs"):
        fleet.begin(PLAN, version=OLD)
    with database.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE model_versions SET published_at = NULL WHERE NOT desired")
    with pytest.raises(ConflictError, match="not signed yet"):
        fleet.begin(PLAN)


def test_a_canary_of_devices_that_are_not_there_is_refused(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.revoke(fleet.devices[1])
    with pytest.raises(InvalidError, match=f"no device of the fleet: {fleet.devices[1]}, 999"):
        fleet.begin(Plan(canary_devices=(fleet.devices[0], fleet.devices[1], 999)))
