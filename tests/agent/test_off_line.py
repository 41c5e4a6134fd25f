"""The off switch on a GPIO line. The board is a double behind gpiod's own calls; faults come from the real library."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gpiod
import pytest
from gpiod.line import Bias, Direction, Value
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from stressvision_agent.cli import app
from stressvision_agent.directives import Directives
from stressvision_agent.off_line import OffLine
from stressvision_contracts.fleet import HeartbeatReply


class Board:
    """A chip whose line 17 has a switch to ground; one program at a time has a line, as with the kernel's."""

    def __init__(self) -> None:
        self.closed = self.broken = self.taken = False

    def request_lines(self, path: str, consumer: str, config: dict[int, gpiod.LineSettings]) -> "Board":
        assert (path, list(config)) == ("/dev/gpiochip0", [17])
        line = config[17]
        assert (line.direction, line.bias, line.active_low) == (Direction.INPUT, Bias.PULL_UP, True)
        if self.taken:
            raise OSError(16, "Device or resource busy")
        self.taken = True
        return self

    def get_value(self, line: int) -> Value:
        if self.broken:
            raise OSError(5, "Input/output error")
        return Value.ACTIVE if self.closed else Value.INACTIVE

    def release(self) -> None:
        self.taken = False


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    made = Board()
    monkeypatch.setattr(gpiod, "request_lines", made.request_lines)
    return made


def failures() -> float:
    return REGISTRY.get_sample_value("stressvision_agent_directive_failures_total") or 0.0


def directives(folder: Path, line: OffLine) -> Directives:
    made = Directives(folder / "directives.json", folder / "paused", line)
    made.obey(HeartbeatReply(server_time=datetime.now(UTC), site_profile="safety"))
    return made


def test_a_closed_switch_outranks_the_server(tmp_path: Path, board: Board) -> None:
    made = directives(tmp_path, OffLine(Path("/dev/gpiochip0"), 17))
    assert made.pause_reason() is None
    board.closed = True
    made.obey(HeartbeatReply(server_time=datetime.now(UTC), site_profile="full"))
    assert made.pause_reason() == "worker"
    board.closed = False
    assert made.pause_reason() is None


def test_a_line_that_cannot_be_read_is_off_and_taken_anew(tmp_path: Path, board: Board) -> None:
    made = directives(tmp_path, OffLine(Path("/dev/gpiochip0"), 17))
    assert made.pause_reason() is None
    before = failures()
    board.broken = True
    assert made.pause_reason() == "worker"
    assert not board.taken
    assert failures() == before + 1
    board.broken = False
    assert made.pause_reason() is None


def test_only_one_has_the_line_until_it_is_released(board: Board) -> None:
    first, second = (OffLine(Path("/dev/gpiochip0"), 17) for _ in range(2))
    assert not first.is_closed()
    with pytest.raises(OSError, match="busy"):
        second.read()
    first.release()
    first.release()
    assert not second.read()


@pytest.mark.parametrize("chip", ["/dev/null", "/dev/no-such-chip"])
def test_what_is_no_chip_counts_as_off(tmp_path: Path, chip: str) -> None:
    made: Any = directives(tmp_path, OffLine(Path(chip), 17))
    assert made.pause_reason() == "worker"


def test_pause_and_resume_at_the_station(tmp_path: Path) -> None:
    config = tmp_path / "agent.toml"
    config.write_text(f'[server]\nurl = "https://stressvision.example"\n[device]\nstate_dir = "{tmp_path}"\n')
    made = Directives(tmp_path / "directives.json", tmp_path / "paused")
    made.obey(HeartbeatReply(server_time=datetime.now(UTC), site_profile="safety"))
    for command, reason in (("pause", "worker"), ("pause", "worker"), ("resume", None), ("resume", None)):
        done = CliRunner().invoke(app, [command, "--config", str(config)])
        assert done.exit_code == 0, done.output
        assert made.pause_reason() == reason
