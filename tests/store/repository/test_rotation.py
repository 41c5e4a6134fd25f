"""New keys: devices follow, and the old ones are worth nothing."""

from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import text

from stressvision_store.refusals import InvalidError
from stressvision_store.repository import rotation
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import NoKeyError, sign
from stressvision_store.session import transaction
from support.database import Database
from support.repository import Repository, StoreFetcher, TufClient, offered

pytestmark = pytest.mark.db


def rotate(repository: Repository, name: rotation.KeyName, new: CryptoSigner, *signers: CryptoSigner) -> None:
    keys = {"online": repository.online, "targets": repository.targets} | {name: new}
    with transaction(repository.database.engine("owner")) as session:
        root = rotation.draft_root(session)
        rotation.replace_keys(root, name, [new.public_key])
        rotation.accept_root(
            session, sign(root, signers or repository.roots), ServerKeys(keys["online"], keys["targets"])
        )


@pytest.mark.parametrize("name", ["targets", "online", "root"])
def test_a_device_follows_to_a_new_key_and_the_old_one_is_worth_nothing(
    repository: Repository, tuf: TufClient, name: rotation.KeyName
) -> None:
    repository.add("m-1", b"one")
    assert offered(tuf) == {"m-1"}
    new = CryptoSigner.generate_ed25519()
    signers = [*repository.roots, new] if name == "root" else repository.roots
    rotate(repository, name, new, *signers)
    assert offered(tuf) == {"m-1"}
    repository.register("m-2", b"two")
    repository.approve("m-2")
    if name == "root":
        with pytest.raises(InvalidError, match="signatures are missing: 1 of the keys of root 2"):
            rotate(repository, "targets", new)
        return
    with pytest.raises(NoKeyError):
        repository.publish("m-2")
    setattr(repository, name, new)
    repository.publish("m-2")
    assert offered(tuf) == {"m-1", "m-2"}


def test_a_new_root_takes_as_many_signatures_as_the_old_one_asks_for(database: Database, tmp_path: Path) -> None:
    repository = Repository(database, roots=[CryptoSigner.generate_ed25519() for _ in range(3)])
    repository.create(threshold=2)
    tuf = TufClient(tmp_path, StoreFetcher(repository), repository.content("root", 1))
    new = CryptoSigner.generate_ed25519()
    with pytest.raises(InvalidError, match="signatures are missing: 1 of the keys of root 1"):
        rotate(repository, "targets", new, repository.roots[0])
    rotate(repository, "targets", new, *repository.roots[:2])
    tuf.refresh()
    assert repository.version("root") == 2


def test_after_a_backup_was_restored_a_new_online_key_lets_devices_follow(
    repository: Repository, tuf: TufClient
) -> None:
    before = repository.version("timestamp")
    for number in range(3):
        repository.add(f"m-{number}", str(number).encode())
    tuf.refresh()
    with repository.database.engine().begin() as connection:
        connection.execute(
            text("DELETE FROM tuf_metadata WHERE role <> 'root' AND version > :version"), {"version": before}
        )
    new = CryptoSigner.generate_ed25519()
    rotate(repository, "online", new)
    repository.online = new
    assert offered(tuf) == set()
