"""Where the files of jobs lie. An attempt never writes into another's folder; it begins with a copy of its checkpoints.

FOLDER/job-7/pictures/      company pictures, only until they are prepared
FOLDER/job-7/data-DIGEST/   what fit reads; removed when the job is over
FOLDER/job-7/RECIPE.toml    the recipe as it was sent
FOLDER/job-7/run-2/         the run of the claim with fence 2; `tensorboard --logdir FOLDER` shows all of them
FOLDER/splits.csv           who is in which split, kept from job to job
"""

import hashlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stressvision_trainer.control import Claim

OF_DATA: Final = "data.txt"
"""In a run's folder: which data it learns from. Written last of what a copy brings."""
HISTORY: Final = "training_history.json"
KEPT: Final = 20
"""Jobs whose newest run stays here, some tens of megabytes each."""
CARRIED: Final = (
    # the state of a run before its best network: a copy made between two epochs then does one of them again
    "checkpoints/last.npz",
    "checkpoints/best_model.keras",
    "experiment_config.json",
    "recipe.toml",
    HISTORY,
    "training_log.csv",
    "tensorboard",
    "mlflow.json",
)
"""What a run needs to go on in another folder, in this order."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Of one claim. `data_digest` names what it learns from: the list of pictures, and the base data."""

    root: Path
    claim: Claim
    data_digest: str

    @property
    def job(self) -> Path:
        return job_folder(self.root, self.claim.id)

    @property
    def pictures(self) -> Path:
        return self.job / f"pictures-{self.claim.fence}"

    @property
    def data(self) -> Path:
        return self.job / f"data-{self.data_digest[:16]}"

    @property
    def run(self) -> Path:
        return self.job / f"run-{self.claim.fence}"

    @property
    def candidate(self) -> Path:
        return self.run / "candidate"

    @property
    def splits(self) -> Path:
        return self.root / "splits.csv"

    @property
    def recipe(self) -> Path:
        """Named as whoever asked for the job called it, but for what could lead out of this folder."""
        return self.job / f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.claim.recipe)}.toml"

    def begin(self) -> int | None:
        """Make this claim's run folder, with what an earlier claim has reached; return that claim's fence, if any."""
        self.run.mkdir(parents=True, exist_ok=True)
        earlier = self._earlier()
        if earlier is not None:
            for name in CARRIED:
                _copy(earlier / name, self.run / name)
        (self.run / OF_DATA).write_text(self.data_digest)
        return _fence(earlier) if earlier is not None else None

    def _earlier(self) -> Path | None:
        """The newest run of an earlier claim that has learnt from the same data and has a checkpoint."""
        found = [
            path
            for path in self.job.glob("run-*")
            if _fence(path) < self.claim.fence
            and (path / CARRIED[0]).is_file()
            and (path / OF_DATA).is_file()
            and (path / OF_DATA).read_text() == self.data_digest
        ]
        return max(found, key=_fence, default=None)


def job_folder(root: Path, job_id: int) -> Path:
    return root / f"job-{job_id}"


def jobs_with_data(root: Path) -> Iterator[int]:
    """The jobs of which there are still pictures or prepared data here."""
    for path in sorted(root.glob("job-*")):
        number = path.name.removeprefix("job-")
        if number.isdigit() and (any(path.glob("pictures-*")) or any(path.glob("data-*"))):
            yield int(number)


def forget_data(root: Path, job_id: int) -> None:
    """Remove every picture of a job, and the data made of them; its newest run stays. `OSError` when one stays, too."""
    folder = job_folder(root, job_id)
    for pattern in ("pictures-*", "data-*"):
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()  # the lessons beside the data
    for path in sorted(folder.glob("run-*"), key=_fence)[:-1]:
        shutil.rmtree(path)


def old_jobs(root: Path, keep: Path | None = None) -> list[int]:
    """The jobs beyond the newest `KEPT`, but for the one that the file `keep` lies in."""
    numbers = sorted(int(path.name.removeprefix("job-")) for path in root.glob("job-*") if path.name[4:].isdecimal())
    return [job for job in numbers[:-KEPT] if keep is None or not keep.is_relative_to(job_folder(root, job))]


def forget_job(root: Path, job_id: int) -> None:
    """Remove the folder of a job. `OSError` when it stays."""
    shutil.rmtree(job_folder(root, job_id))


def base_digest(base: Path | None) -> str:
    """Of the base data's metadata, which hold the digests of all its files; empty without base data."""
    return "" if base is None else hashlib.sha256((base / "metadata.json").read_bytes()).hexdigest()


def data_digest(claim: Claim, base: Path | None) -> str:
    return hashlib.sha256(f"{claim.dataset_digest} {base_digest(base)}".encode()).hexdigest()


def _fence(run: Path) -> int:
    number = run.name.removeprefix("run-")
    return int(number) if number.isdigit() else -1


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.copy")
        shutil.copyfile(source, partial)
        partial.replace(target)
