"""Pictures of a prepared data folder for people to look at: who is in it, faces of each class, and how they are varied.

They show faces of people: keep them where the data are kept, never with the code.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS
from stressvision_training.classes import ALERT
from stressvision_training.data.augmentation import DEGRADATIONS, Augmentation, Face, augment, degrade, mixup
from stressvision_training.data.balance import classes_of
from stressvision_training.data.dataset import Dataset, read_dataset
from stressvision_training.data.splits import SERVING

FACES: Final = 12
"""Faces in a row of a sheet."""
TILE: Final = 96
_TITLE: Final = 170
_LINE: Final = 18
_ONE_BY_ONE: Final[dict[str, Augmentation]] = {
    "flip": Augmentation(flip=1.0),
    "rotation": Augmentation(flip=0.0, rotate_degrees=20.0),
    "shift": Augmentation(flip=0.0, shift=0.12),
    "zoom": Augmentation(flip=0.0, scale=(0.8, 1.2)),
    "aspect": Augmentation(flip=0.0, aspect=0.2),
    "brightness": Augmentation(flip=0.0, brightness=0.4),
    "contrast": Augmentation(flip=0.0, contrast=0.5),
    "erasing": Augmentation(flip=0.0, erase=1.0),
}


def write_sheets(data: Path, out: Path, seed: int = 0) -> list[Path]:
    """Write the distribution plots, a sheet of faces per split and one of the augmentation to `out`, as PNG."""
    dataset = read_dataset(data)
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    written = [out / "distribution.png", out / "augmentation.png"]
    _distribution(written[0], dataset)
    train = dataset.part("train")
    save_sheet(written[1], augmentation_rows(train.faces(TILE, _drawn(len(train), rng)), rng))
    for split in sorted(set(dataset.splits.tolist()), key=SERVING.index):
        part = dataset.part(split)
        written.append(out / f"faces_{split}.png")
        save_sheet(written[-1], _class_rows(part, rng))
    return written


def augmentation_rows(faces: NDArray[np.uint8], rng: np.random.Generator) -> list[tuple[str, NDArray[np.uint8]]]:
    """Return a titled row of varied faces for each way in which a recipe can vary them."""
    side = faces.shape[1]
    rows = [("as they are", faces)]
    for name, how in _ONE_BY_ONE.items():
        rows.append((name, np.stack([augment(face, side, how, rng) for face in faces])))
    mixed, _, _ = mixup(faces.astype(np.float32), {}, rng, 2.0)
    rows.append(("mixup", mixed.astype(np.uint8)))
    ways: dict[str, Callable[[Face, np.random.Generator], Face]] = {
        name: way for name, (_, way) in DEGRADATIONS.items()
    }
    for name, worsen in {**ways, "webcam": degrade}.items():
        rows.append((name, np.stack([worsen(face, rng) for face in faces])))
    return rows


def _class_rows(part: Dataset, rng: np.random.Generator) -> list[tuple[str, NDArray[np.uint8]]]:
    rows = []
    for label in sorted(set(part.labels.tolist())):
        chosen = np.flatnonzero(part.labels == label)
        rows.append((f"{label} {len(chosen)}", part.faces(TILE, chosen[_drawn(len(chosen), rng)])))
    return rows


def _drawn(number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(rng.permutation(number)[:FACES])


def save_sheet(path: Path, rows: list[tuple[str, NDArray[np.uint8]]]) -> None:
    """Write titled rows, a title of one line or more, of up to `FACES` faces of `TILE` pixels as one PNG."""
    sheet = np.full((len(rows) * (TILE + 4), _TITLE + FACES * (TILE + 4)), 255, np.uint8)
    for number, (title, faces) in enumerate(rows):
        top = number * (TILE + 4)
        for below, line in enumerate(title.split("\n")):
            place = (6, top + TILE // 2 + below * _LINE)
            cv2.putText(sheet, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0,), 1, cv2.LINE_AA)
        for column, face in enumerate(faces):
            left = _TITLE + column * (TILE + 4)
            sheet[top : top + TILE, left : left + TILE] = face
    path.write_bytes(cv2.imencode(".png", sheet)[1].tobytes())  # which, unlike imwrite, fails aloud


def _distribution(path: Path, data: Dataset) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    by_split, by_source, level, contrast = figure.subplots(2, 2).ravel()
    names = [*LABELS[data.scheme], *([ALERT] if (data.labels == ALERT).any() else [])]
    classes = classes_of(data)
    _bars(by_split, classes, data.splits, names, "rows per class and split")
    sources = np.where(data.augmented, "copies", data.sources)
    _bars(by_source, classes, sources, names, "rows per class and source")
    for name in names:
        faces = data.images[classes == name].reshape(-1, data.images[0].size)
        if len(faces):
            level.hist(faces.mean(axis=1), bins=32, range=(0, 255), histtype="step", density=True, label=name)
            contrast.hist(faces.std(axis=1), bins=32, range=(0, 110), histtype="step", density=True, label=name)
    level.set(title="mean grey level of a face", ylabel="density")
    contrast.set(title="standard deviation of its grey levels", ylabel="density")
    level.legend()
    figure.savefig(path, dpi=110)


def _bars(axes: Any, classes: NDArray[np.str_], kinds: NDArray[np.str_], names: list[str], title: str) -> None:
    found = [*(kind for kind in SERVING if kind in kinds), *sorted(set(kinds.tolist()) - set(SERVING))]
    width = 0.8 / len(found)
    for number, kind in enumerate(found):
        counts = Counter(classes[kinds == kind].tolist())
        places = np.arange(len(names)) + width * (number - (len(found) - 1) / 2)
        bars = axes.bar(places, [counts[name] for name in names], width, label=kind)
        axes.bar_label(bars, fontsize=6, rotation=90, padding=2)
    axes.set(title=title, xticks=range(len(names)), ylabel="rows")
    axes.set_xticklabels(names, rotation=20)
    axes.margins(y=0.15)
    axes.legend(fontsize=8)
