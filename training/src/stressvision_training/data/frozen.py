"""Who was in which split before, so that nobody moves when others join."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stressvision_training.data.dataset import INDEX, read_metadata
from stressvision_training.data.listing import check_fields, read_listing
from stressvision_training.data.rows import Row, SourceError
from stressvision_training.data.splits import SEED, SERVING, SPLITS, VALIDATION_SHARE, Frozen, Split, known_split
from stressvision_training.one_step import in_one_step

FROZEN: Final = ("source", "subject", "split", "sha256", "augmented")
"""Of index.csv's columns, what tells who is in which split."""


def read_frozen(path: Path) -> dict[tuple[str, str], Split]:
    """Return the splits that an earlier index.csv (or the data folder that holds it) gave, for `splits.assign`.

    `SourceError` for what is no index of prepare, with the line.
    """
    index = path / INDEX if path.is_dir() else path
    known: dict[str, Split] = {name: name for name in SPLITS}
    found: dict[tuple[str, str], Split] = {}
    try:
        for where, record in read_listing(index, FROZEN):
            check_fields(record, where)
            split = known.get(record["split"])
            if split is None:
                raise SourceError(f"{where}: split {record['split']!r}, expected one of {', '.join(known)}")
            if split in SERVING and record["augmented"] == "0":
                found["", record["sha256"]] = split
                if record["subject"]:
                    found[record["source"], record["subject"]] = split
    except OSError as error:
        raise SourceError(f"{index}: {error.strerror}; give an index.csv or a data folder of prepare") from error
    return found


def newcomers(rows: Sequence[Row], frozen: Frozen, path: Path) -> list[str]:
    """Return a note on how many company pictures `frozen`, read from `path`, does not know: those are dealt anew.

    `SourceError` when it knows none of `rows`, of FER-2013 neither: it belongs to other pictures.
    """
    own = [row for row in rows if row.is_custom]
    new = [row for row in own if known_split(row, frozen) is None]
    if len(new) == len(own) and all(known_split(row, frozen) is None for row in rows):
        raise SourceError(f"{path}: knows none of these {len(rows)} pictures; give the index.csv of a deal of the same")
    return [f"{len(new)} of {len(own)} company pictures are new to {path.name}; they were dealt anew"] if new else []


def keep_frozen(folder: Path, out: Path) -> None:
    """Write to `out` which company pictures of a data folder are in which split, for `read_frozen`.

    What is said of a person is not in it, so that it may stay where pictures may not.
    """
    with (
        (folder / INDEX).open(newline="", encoding="utf-8") as index,
        in_one_step(out) as partial,
        partial.open("w", newline="") as file,
    ):
        writer = csv.DictWriter(file, FROZEN, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in csv.DictReader(index) if row["source"].startswith("custom"))


def how_dealt(folder: Path) -> list[str]:
    """Return the options of `prepare` that decided who is in which split of `folder`, but for those by default."""
    facts = read_metadata(folder)
    share = facts["shares"].get("fer2013", {}).get("validation", VALIDATION_SHARE)  # `extend` deals the company's alone
    return [
        *([f"--validation-share {share}"] if share != VALIDATION_SHARE else []),
        *([f"--seed {facts['seed']}"] if facts["seed"] != SEED else []),
        *([f"--splits {facts['frozen']}"] if facts.get("frozen") else []),
        *(["--drop-near"] if facts.get("drop_near") else []),
    ]
