"""Loads the shared fixtures of tests/support; nothing else."""

from importlib.util import find_spec

SHARED = ("support.servers", "support.database", "support.stack")

pytest_plugins = tuple(name for name in SHARED if find_spec(name) is not None)
