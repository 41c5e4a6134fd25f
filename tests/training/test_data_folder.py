"""The folder that `prepare` writes: whole or as it was, and nobody else's."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stressvision_training.cli import app
from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.rows import SourceError
from support.faces import write_fer2013

KILLED = """
import os
from pathlib import Path
from stressvision_training.cli import app

put, places = Path.replace, []


def replace(file, place):
    places.append(place)
    os.kill(os.getpid(), 9) if len(places) == 2 else put(file, place)


Path.replace = replace
app()
"""
"""The command, killed as it puts its second file in place."""


def _prepare(*options: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["prepare", *map(str, options)])
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.parametrize("name", ["train.npz", "index.csv", "metadata.json"])
def test_what_others_wrote_is_not_overwritten(tmp_path: Path, name: str) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text("theirs")
    (tmp_path / "data" / "notes.txt").write_text("mine")
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")
    assert (code, f"{name}: is not of prepare" in output) == (1, True), output
    assert (tmp_path / "data" / name).read_text() == "theirs"
    (tmp_path / "data" / name).unlink()
    for _ in range(2):  # but what it wrote itself, it does over
        assert _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")[0] == 0
    assert (tmp_path / "data" / "notes.txt").read_text() == "mine"


def test_a_full_disk_leaves_the_data_that_were_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    assert _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")[0] == 0

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stressvision_training.data.dataset._write_index", full)
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data", "--seed", 5)
    assert (code, "No space left" in output) == (1, True), output
    assert len(read_dataset(tmp_path / "data")) == 21
    assert not (tmp_path / "data" / ".partial").exists()


def test_a_kill_while_files_are_put_in_place_is_mended_by_the_same_command(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    words = ("prepare", "--fer2013", str(tmp_path / "fer2013.csv"), "--out", str(tmp_path / "data"))
    assert subprocess.run([sys.executable, "-c", KILLED, *words], check=False).returncode == -9
    with pytest.raises(SourceError, match="make it with `stressvision-train prepare`"):
        read_dataset(tmp_path / "data")
    assert _prepare(*words[1:])[0] == 0
    assert len(read_dataset(tmp_path / "data")) == 21
    assert not (tmp_path / "data" / ".partial").exists()
