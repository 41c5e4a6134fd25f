"""A small run of `chaos/swap.py`: an agent killed with -9 before each of the first changes of a swap."""

import pytest

from chaos import swap

pytestmark = pytest.mark.e2e


def test_every_kill_leaves_a_working_agent(tmp_path):
    lines = list(swap.run(tmp_path, kills=8, whole=False))
    assert len(lines) == 2
    assert all(line.met for line in lines), lines
