"""Loads the shared fixtures of tests/support and sets Hypothesis up; nothing else."""

from importlib.util import find_spec

from hypothesis import settings

SHARED = ("support.servers", "support.database", "support.stack")

pytest_plugins = tuple(name for name in SHARED if find_spec(name) is not None)

settings.register_profile("suite", deadline=None)  # two runs at a time on a busy machine say nothing about an example
settings.load_profile("suite")
