"""A control API that signs, over a repository made with its keys, and three people who may judge models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stressvision_store.repository.birth import AllKeys, create_repository
from stressvision_store.repository.keys import make_key
from stressvision_store.session import transaction
from support.control import Control, serve
from support.database import Database


@pytest.fixture
def keys(database: Database, tmp_path: Path) -> Path:
    """The folder of the keys that a repository was made with."""
    folder = tmp_path / "keys"
    folder.mkdir()
    root, targets, online = (make_key(folder / f"{name}.pem") for name in ("root", "targets", "online"))
    with transaction(database.engine("owner")) as session:
        create_repository(session, AllKeys([root], targets, online))
    return folder


@pytest.fixture
def signing(database: Database, keys: Path) -> Iterator[Control]:
    with serve(database, signing_keys=keys) as service:
        service.person("Ana", "ml")
        service.person("Berta", "operator")
        service.person("Carla", "ml")
        yield service
