"""The chaos scenario of the rollups with smaller numbers: the same faults, the same oracle."""

from pathlib import Path

import pytest

from chaos.rollups import open_platform, rollups_survive

pytestmark = pytest.mark.e2e


def test_no_row_is_wrong_after_kills_an_empty_redis_and_a_restarted_postgres(servers_folder: Path) -> None:
    folder = servers_folder / "chaos"
    folder.mkdir(mode=0o755)

    with open_platform(folder, stations=2) as platform:
        lines = list(rollups_survive(platform, events=1_200, pause_s=0.3))

    assert [line for line in lines if not line.met] == []
