"""Folders of jobs: an attempt begins with a copy of the one before, and what shows people is gone when it is over."""

import json
from pathlib import Path

import msgspec
import pytest

from stressvision_trainer.control import Claim
from stressvision_trainer.folders import (
    KEPT,
    Folders,
    data_digest,
    forget_data,
    forget_job,
    jobs_with_data,
    old_jobs,
)

CLAIM = Claim(
    id=7, fence=1, lease_s=60, recipe="r", recipe_text="", changes=[], version="1", dataset_digest="d", pictures=0
)


def folders(root: Path, fence: int, digest: str = "digest") -> Folders:
    return Folders(root, msgspec.structs.replace(CLAIM, fence=fence), digest)


@pytest.fixture
def first(tmp_path: Path) -> Folders:
    """A run with a checkpoint."""
    made = folders(tmp_path, 1)
    made.begin()
    for name in ("checkpoints/last.npz", "checkpoints/best_model.keras", "training_history.json", "tensorboard/events"):
        (made.run / name).parent.mkdir(parents=True, exist_ok=True)
        (made.run / name).write_text(f"{name} of 1")
    (made.run / "checkpoints" / "last.partial.npz").write_text("half")
    return made


def test_a_later_claim_begins_with_the_newest_checkpoint_and_shares_no_file(first: Folders, tmp_path: Path) -> None:
    second = folders(tmp_path, 2)
    assert second.begin() == 1
    copied = second.run / "checkpoints" / "last.npz"
    assert copied.read_text() == "checkpoints/last.npz of 1"
    assert (second.run / "tensorboard" / "events").is_file()
    assert not (second.run / "checkpoints" / "last.partial.npz").exists()
    copied.write_text("of 2")
    assert (first.run / "checkpoints" / "last.npz").read_text() == "checkpoints/last.npz of 1"
    assert folders(tmp_path, 5).begin() == 2


def test_other_data_or_no_checkpoint_begins_anew(first: Folders, tmp_path: Path) -> None:
    assert folders(tmp_path, 2, "other").begin() is None
    (first.run / "checkpoints" / "last.npz").unlink()
    assert folders(tmp_path, 3).begin() is None


def test_a_job_that_is_over_keeps_its_newest_run_and_no_face(first: Folders, tmp_path: Path) -> None:
    second = folders(tmp_path, 2)
    second.begin()
    for path in (second.pictures / "crop" / "face", second.data / "train.npz"):
        path.parent.mkdir(parents=True)
        path.write_text("a face")
    second.data.with_name(f"{second.data.name}-lessons.npz").write_text("lessons")
    assert list(jobs_with_data(tmp_path)) == [7]
    forget_data(tmp_path, 7)
    assert list(jobs_with_data(tmp_path)) == []
    assert sorted(path.name for path in second.job.iterdir()) == ["run-2"]


def test_only_the_newest_jobs_stay_and_the_teacher_among_the_old_ones(tmp_path: Path) -> None:
    for number in range(1, KEPT + 4):
        (tmp_path / f"job-{number}" / "run-1").mkdir(parents=True)
    assert old_jobs(tmp_path) == [1, 2, 3]
    assert old_jobs(tmp_path, tmp_path / "job-2" / "run-1" / "final_model.keras") == [1, 3]
    forget_job(tmp_path, 1)
    assert old_jobs(tmp_path) == [2, 3]


def test_a_face_that_cannot_be_removed_is_not_passed_over(first: Folders, tmp_path: Path) -> None:
    first.pictures.symlink_to(tmp_path)  # which no folder is removed through
    with pytest.raises(OSError, match="symbolic link"):
        forget_data(tmp_path, 7)


@pytest.mark.parametrize("name", ["../../../etc/agent", "/etc/agent", "a/b", "..", "recipe", "día 1"])
def test_no_name_of_a_recipe_leads_out_of_the_jobs_folder(tmp_path: Path, name: str) -> None:
    made = Folders(tmp_path, msgspec.structs.replace(CLAIM, recipe=name), "digest")
    assert made.recipe.parent.resolve() == made.job.resolve()
    assert made.recipe.parent != made.run  # where fit keeps a recipe.toml of its own


def test_the_data_are_the_list_of_pictures_and_the_base(tmp_path: Path) -> None:
    without = data_digest(CLAIM, None)
    (tmp_path / "metadata.json").write_text(json.dumps({"digests": {"train.npz": "1"}}))
    before = data_digest(CLAIM, tmp_path)
    (tmp_path / "metadata.json").write_text(json.dumps({"digests": {"train.npz": "2"}}))
    other_list = data_digest(msgspec.structs.replace(CLAIM, dataset_digest="e"), None)
    assert len({without, before, data_digest(CLAIM, tmp_path), other_list}) == 4
