"""The signatures of the model repository stay good as long as the worker runs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stressvision_store.repository.keys import make_key, read_key
from stressvision_store.repository.metadata import NoKeyError
from stressvision_worker.models import refresh_models
from support.database import Database
from support.repository import Repository

pytestmark = pytest.mark.db


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_key(tmp_path / "online.pem")
    return tmp_path


def expires(role: str) -> float:
    name = "stressvision_models_metadata_expires_timestamp_seconds"
    value = REGISTRY.get_sample_value(name, {"kind": role})
    assert value is not None, role
    return value - datetime.now(UTC).timestamp()


def make_repository(database: Database, keys: Path, age: timedelta) -> Repository:
    made = Repository(database)
    made.online = read_key(keys / "online.pem")
    made.create(now=datetime.now(UTC) - age)
    return made


def test_nothing_is_done_without_a_repository(database: Database, tmp_path: Path) -> None:
    refresh_models(database.engine("worker"), tmp_path)


@pytest.mark.parametrize(
    ("age", "versions"),
    [
        (timedelta(hours=1), {"timestamp": 1, "snapshot": 1}),
        (timedelta(hours=7), {"timestamp": 2, "snapshot": 1}),
        (timedelta(hours=40), {"timestamp": 2, "snapshot": 1}),
        (timedelta(days=4), {"timestamp": 2, "snapshot": 2}),
        (timedelta(days=30), {"timestamp": 2, "snapshot": 2}),
    ],
)
def test_what_ends_soon_is_signed_anew_once(
    database: Database, keys: Path, age: timedelta, versions: dict[str, int]
) -> None:
    made = make_repository(database, keys, age)
    for _ in range(2):
        refresh_models(database.engine("worker"), keys)
        assert {role: made.version(role) for role in versions} == versions
    assert expires("timestamp") > timedelta(hours=17).total_seconds()
    assert expires("snapshot") > timedelta(days=3).total_seconds()
    assert expires("root") == pytest.approx((timedelta(days=365) - age).total_seconds(), abs=60)


def test_without_its_key_it_fails_and_still_says_when_devices_will_refuse(database: Database, keys: Path) -> None:
    make_repository(database, keys, timedelta(hours=20))
    (keys / "online.pem").unlink()
    with pytest.raises(NoKeyError, match=r"put online\.pem into the folder"):
        refresh_models(database.engine("worker"), keys)
    assert expires("timestamp") == pytest.approx(4 * 3600, abs=60)


def test_old_snapshots_and_timestamps_are_forgotten_and_roots_and_targets_kept(database: Database, keys: Path) -> None:
    made = make_repository(database, keys, timedelta(days=30))
    with database.engine().begin() as connection:
        connection.exec_driver_sql("UPDATE tuf_metadata SET signed_at = now() - interval '30 days'")
    refresh_models(database.engine("worker"), keys)
    with database.engine().connect() as connection:
        left = connection.exec_driver_sql("SELECT role, version FROM tuf_metadata ORDER BY 1, 2").all()
    assert [tuple(row) for row in left] == [("root", 1), ("snapshot", 2), ("targets", 1), ("timestamp", 2)]
    assert made.version("timestamp") == 2
