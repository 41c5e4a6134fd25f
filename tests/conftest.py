"""Loads the shared fixtures of tests/support, sets Hypothesis up, and puts the long tests first."""

import os
from importlib.util import find_spec

import pytest
from hypothesis import settings

# tests speak to this machine alone, and httpx would read that file of hundreds of certificates anew for every client
os.environ.pop("SSL_CERT_FILE", None)

SHARED = ("support.servers", "support.database", "support.stack")

pytest_plugins = tuple(name for name in SHARED if find_spec(name) is not None)

settings.register_profile("suite", deadline=None)  # two runs at a time on a busy machine say nothing about an example
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what trains, for minutes a test: begun last, one process would work while the others wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("train") is None)
