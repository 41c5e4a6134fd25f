"""A device of the tests here, and the small server that it takes models from."""

import pytest

from support.updating import repository_server, settings_of


@pytest.fixture
def served():
    with repository_server() as (small, repository):
        yield small, repository


@pytest.fixture
def settings(tmp_path, served):
    return settings_of(tmp_path / "state", served[0].url)
