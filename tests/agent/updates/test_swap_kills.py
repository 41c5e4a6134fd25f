"""A small run of `chaos/swap.py`: an agent killed with -9 before each of the first changes of a swap."""

import pytest

from chaos import swap

pytestmark = pytest.mark.e2e


def test_every_kill_leaves_a_working_agent(tmp_path):
    (line,) = swap.run(tmp_path, kills=8)
    assert line.met, line
