"""Publishing: one transaction, seen by the client that devices use."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from stressvision_store.refusals import ConflictError
from stressvision_store.repository import publishing
from stressvision_store.repository.keys import ServerKeys, make_key
from stressvision_store.repository.metadata import NoKeyError
from stressvision_store.session import transaction
from support.database import Database
from support.repository import Repository, StoreFetcher, TufClient, offered, published

pytestmark = pytest.mark.db


def test_publishing_twice_signs_once(repository: Repository, tuf: TufClient) -> None:
    repository.add("m-1", b"one")
    before = repository.version("targets"), repository.version("timestamp")
    assert repository.publish("m-1") is False
    assert (repository.version("targets"), repository.version("timestamp")) == before
    assert offered(tuf) == published(repository) == {"m-1"}


def test_a_repository_is_born_once(repository: Repository) -> None:
    root = repository.content("root", 1)
    Repository(repository.database).create()
    assert repository.content("root", 1) == root
    assert repository.version("root") == 1


def test_what_is_not_approved_or_has_no_file_is_not_published(repository: Repository) -> None:
    repository.register("m-1", b"one")
    with pytest.raises(ConflictError, match="is candidate"):
        repository.publish("m-1")


def test_publishers_at_once_take_turns(repository: Repository, tuf: TufClient) -> None:
    versions = [f"m-{number}" for number in range(12)]
    for version in versions:
        repository.register(version, version.encode())
        repository.approve(version)
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(repository.publish, versions))
    assert repository.version("targets") == 1 + len(versions)
    assert offered(tuf) == published(repository) == set(versions)


def test_renewals_and_publications_at_once_make_one_chain(repository: Repository, tuf: TufClient) -> None:
    versions = [f"m-{number}" for number in range(6)]
    for version in versions:
        repository.register(version, version.encode())
        repository.approve(version)
    soon = datetime.now(UTC) + timedelta(hours=7)
    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(repository.publish, version) for version in versions]
        jobs += [pool.submit(repository.renew, soon) for _ in range(6)]
        for job in jobs:
            job.result()
    assert offered(tuf) == published(repository) == set(versions)
    with repository.database.engine().connect() as connection:
        counted = connection.exec_driver_sql("SELECT count(*), max(version) FROM tuf_metadata GROUP BY role").all()
    assert all(count == newest for count, newest in counted), "no number is left out"


PUBLISHER = """
import sys
from pathlib import Path
from stressvision_store.repository.keys import read_key
from support.database import Database
from support.repository import Repository

url, folder, turn = sys.argv[1:]
keys = {name: read_key(Path(folder) / f"{name}.pem") for name in ("targets", "online")}
repository = Repository(Database("killed", {"stressvision_control": url}, ""), **keys)
for number in range(1000):
    repository.add(f"k-{turn}-{number}", f"{turn} {number}".encode())
    print(number, flush=True)
"""


def test_a_publisher_killed_at_any_moment_leaves_a_whole_repository(database: Database, tmp_path: Path) -> None:
    keys = {name: make_key(tmp_path / f"{name}.pem") for name in ("targets", "online")}
    repository = Repository(database, **keys)
    repository.create()
    tuf = TufClient(tmp_path / "client", StoreFetcher(repository), repository.content("root", 1))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    moments = random.Random(4)
    for turn in range(5):
        command = [sys.executable, "-c", PUBLISHER, database.url("control"), str(tmp_path), str(turn)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"0\n"
            time.sleep(moments.uniform(0.0, 0.15))
            process.send_signal(signal.SIGKILL)
        assert offered(tuf) == published(repository)
    assert repository.publish("k-0-0") is False, "the lock went with the dead"


def test_a_transaction_that_never_ended_left_nothing(repository: Repository, tuf: TufClient) -> None:
    repository.register("m-1", b"one")
    repository.approve("m-1")
    with pytest.raises(ZeroDivisionError), transaction(repository.database.engine("control")) as session:
        publishing.publish(session, "m-1", repository.keys)
        assert 1 // 0
    assert offered(tuf) == published(repository) == set()


def test_without_the_targets_key_nothing_is_published(repository: Repository) -> None:
    repository.register("m-1", b"one")
    repository.approve("m-1")
    engine = repository.database.engine("control")
    for keys, why in (
        (ServerKeys(repository.online, None), "stressvision models sign m-1 --key FILE"),
        (ServerKeys(None, repository.targets), "has no online key"),
        (ServerKeys(repository.online, CryptoSigner.generate_ed25519()), "root does not name the targets key"),
        (ServerKeys(CryptoSigner.generate_ed25519(), repository.targets), "root does not name the online key"),
    ):
        with pytest.raises(NoKeyError, match=why), transaction(engine) as session:
            publishing.publish(session, "m-1", keys)
    assert repository.version("timestamp") == 1
