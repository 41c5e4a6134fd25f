"""What end-to-end tests of the fleet are given: a platform of their own, and two agents on it."""

import os
from collections.abc import Iterator

import pytest

from native.layout import Layout
from support.fleet import Fleet, running_fleet


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Layout:
    """One of the tests' own: a rollout moves every device there is."""
    if os.environ.get("STRESSVISION_E2E"):
        pytest.skip("rollouts are tried on a stack of their own, without STRESSVISION_E2E")
    layout: Layout = request.getfixturevalue("native_stack")
    return layout


@pytest.fixture(scope="module")
def fleet(stack: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with running_fleet(stack.settings, tmp_path_factory.mktemp("fleet")) as made:
        yield made
