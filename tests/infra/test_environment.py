"""The environment that `make` builds: what is in it is compiled, whatever the shell says of bytecode."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not sys.dont_write_bytecode, reason="whatever is imported is compiled then")
@pytest.mark.parametrize("package", ["tensorflow", "keras", "gradio"])
def test_what_is_slow_to_compile_is_compiled(package: str) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    assert Path(importlib.util.cache_from_source(found.origin)).is_file()
