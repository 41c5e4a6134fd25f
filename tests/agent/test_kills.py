"""A small run of `chaos/spool.py`: the agent killed with -9 while it spools and sends, the server away and back."""

import pytest

from chaos import spool

pytestmark = pytest.mark.e2e


def test_every_event_arrives_exactly_once(servers_folder):
    folder = servers_folder / "kills"
    folder.mkdir(mode=0o755)
    lines = list(spool.run(folder, events=1_000, kills=3, outages=1))
    assert all(line.met for line in lines), lines
