"""The pictures of a job, from the control API into a folder that `stressvision_training` reads."""

import csv
import io
import shutil
import zipfile
from pathlib import Path
from typing import Final

from stressvision_trainer.control import Control
from stressvision_trainer.errors import ChangedError
from stressvision_trainer.holding import Held

SOURCE: Final = "platform"
COLUMNS: Final = ("file", "label", "subject", "source")


def fetch_pictures(control: Control, held: Held, folder: Path) -> tuple[Path | None, Path | None]:
    """The folders of face crops and of whole pictures, each with a manifest.csv; None where there are none.

    `ChangedError` when one on the list may not be read any more.
    """
    listed = {row["digest"]: row for row in control.pictures(held.claim)}
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, list[str]] = {"crop": [], "whole": []}
    after: str | None = None
    while content := control.archive(held.claim, after):
        held.check()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                kind, _, after = name.partition("/")
                target = folder / kind / after
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
                found[kind].append(after)
    missing = len(listed) - sum(map(len, found.values()))
    if missing:
        raise ChangedError(f"{missing} of {len(listed)} pictures were removed while they were fetched")
    for kind, digests in found.items():
        if digests:
            _write_manifest(folder / kind / "manifest.csv", [listed[digest] for digest in digests])
    return tuple(folder / kind if digests else None for kind, digests in found.items())  # type: ignore[return-value]


def _write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    """A picture of nobody known is a person of its own: splits then go by pixels and near-duplicates."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            (row["digest"], row["label"], row["subject"] or f"picture-{row['digest'][:16]}", SOURCE) for row in rows
        )
