"""A file is the old one or the new one, whatever happens between."""

from pathlib import Path

import pytest

from stressvision_training.one_step import in_one_step


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "last.npz").write_text("old")
    with in_one_step(tmp_path / "last.npz") as partial:
        partial.write_text("new")
        assert (tmp_path / "last.npz").read_text() == "old"
        assert partial.suffix == ".npz"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("last.npz", "new")]


def test_a_disk_that_fills_up_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "last.npz").write_text("old")
    with pytest.raises(OSError, match="full"), in_one_step(tmp_path / "last.npz") as partial:
        partial.write_text("ne")
        raise OSError("full")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("last.npz", "old")]
