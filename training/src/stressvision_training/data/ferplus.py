"""Read FER+'s ten votes per FER-2013 row (Microsoft's fer2013new.csv, MIT) and turn them into labels."""

import csv
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.classes import COMPANY_OF, HEAD_CLASSES, HeadClasses
from stressvision_training.data.refusals import Refusals, SourceError
from stressvision_training.data.rows import EMOTIONS, Row

COLUMNS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
EMOTION_OF: Final = {
    "neutral": "neutral",
    "happiness": "happy",
    "surprise": "surprise",
    "sadness": "sad",
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
}
NOT_A_FACE: Final = COLUMNS.index("NF")
VOTERS: Final = 10
"""For every picture."""
_NUMBERS: Final = frozenset(map(str, range(VOTERS + 1)))


def add_votes(rows: list[Row], path: Path, refusals: Refusals | None = None) -> None:
    """Give each of `rows`, which are named by their number in the official order, its votes from the CSV at `path`."""
    refused = refusals or Refusals(skip=False)
    votes: list[tuple[str, tuple[int, ...]] | None] = []
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            if tuple(header[2:]) != COLUMNS:
                raise SourceError(f"{path}:1: columns are {header}, expected Usage, Image name, {', '.join(COLUMNS)}")
            for record in reader:
                try:
                    votes.append(_votes(record, f"{path}:{reader.line_num}"))
                except SourceError as error:
                    refused.refuse(error)
                    votes.append(None)
    except csv.Error as error:
        raise SourceError(f"{path}:{reader.line_num}: {error}; if the file is cut off, fetch it again") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}; give FER+'s fer2013new.csv") from error
    # FER+ lists Training, PublicTest, PrivateTest; whoever has only the first part of the CSV has a prefix of it
    needed = max(int(row.name) for row in rows) + 1
    if len(votes) < needed:
        raise SourceError(
            f"{path}: {len(votes)} rows of votes for {needed} pictures; the order must be the official one, and if "
            "the file is cut off, fetch it again"
        )
    for row in rows:
        usage, row.votes = votes[int(row.name)] or (row.usage, ())
        if row.usage != usage:
            raise SourceError(
                f"{path}: picture {row.name} is {row.usage}, its votes are for {usage}; the order differs"
            )


def _votes(record: list[str], where: str) -> tuple[str, tuple[int, ...]]:
    if len(record) != len(COLUMNS) + 2 or not all(field in _NUMBERS for field in record[2:]):
        what = f"{len(COLUMNS)} whole numbers of 0 to {VOTERS}"
        raise SourceError(f"{where}: {record}, expected Usage, Image name and {what}", "votes")
    return record[0], tuple(int(field) for field in record[2:])


def grouped_votes(votes: NDArray[np.float32], classes: HeadClasses) -> NDArray[np.float32]:
    """Return the votes (n x 10) summed into the classes of a head; what it has no class for is left out.

    Contempt counts as stress among the company's labels; "unknown" and "not a face" count nowhere.
    """
    names = HEAD_CLASSES[classes]
    grouped = np.zeros((len(votes), len(names)), np.float32)
    for column, expression in enumerate(COLUMNS):
        emotion = EMOTION_OF.get(expression, "")
        name = COMPANY_OF.get(emotion, "") if classes == "company5" else emotion
        if name in names:
            grouped[:, names.index(name)] += votes[:, column]
    return grouped


def majority(votes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the emotion with more than half of all votes, as FER-2013's number, or -1 (Microsoft's majority rule).

    Emotions with a single vote count as outliers and lose it first, as in Microsoft's own reader.
    """
    kept = np.where(votes <= 1, 0.0, votes)
    winner = kept.argmax(axis=1)
    clear = kept.max(axis=1) > 0.5 * np.maximum(kept.sum(axis=1), 1)
    number = np.array(
        [EMOTIONS.index(EMOTION_OF[name]) if EMOTION_OF.get(name) in EMOTIONS else -1 for name in COLUMNS]
    )
    return np.where(clear, number[winner], -1)
