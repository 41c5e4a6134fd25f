"""Made-up pictures that a small network can tell apart, in the forms that training reads."""

import csv
from pathlib import Path

import cv2
import numpy as np

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
VOTE_OF = (4, 5, 6, 1, 3, 2, 0)
"""Which vote column stands for FER-2013's emotion of that number."""


def made_up_face(kind: int, rng: np.random.Generator, side: int = 48) -> np.ndarray:
    """Return a noisy picture of `kind`: 0 to 5 waves down or across of three lengths, 6 flat, 7 checks, 8 rings.

    Textures, for a network that averages over places cannot tell where a spot is; all look the same in a mirror.
    """
    y, x = (np.mgrid[0:side, 0:side] - (side - 1) / 2) * 48 / side
    waves = [np.cos(2 * np.pi * place / length) for length in (5, 9, 16) for place in (x, y)]
    checks = np.sign(np.cos(2 * np.pi * x / 12) * np.cos(2 * np.pi * y / 12))
    rings = np.cos(2 * np.pi * np.hypot(x, y) / 10)
    picture = 128 + 80 * [*waves, np.zeros_like(x), checks, rings][kind]
    return np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)


def write_fer2013(path: Path, per_emotion: dict[str, int], seed: int = 0) -> None:
    """Write an official-looking fer2013.csv with `per_emotion` faces per usage, and fer2013new.csv beside it."""
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as file, (path.parent / "fer2013new.csv").open("w", newline="") as votes:
        rows, voted = csv.writer(file), csv.writer(votes)
        rows.writerow(["emotion", "pixels", "Usage"])
        voted.writerow(["Usage", "Image name", *VOTES])
        for usage, number in per_emotion.items():
            for index in range(number * 7):
                emotion = index % 7
                pixels = " ".join(map(str, made_up_face(emotion, rng).ravel().tolist()))
                rows.writerow([emotion, pixels, usage])
                counts = [0] * 10
                counts[VOTE_OF[emotion]], counts[VOTE_OF[(emotion + 1) % 7]] = 8, 2
                voted.writerow([usage, f"fer{index:07}.png", *counts])


def write_custom(folder: Path, people: int, seed: int = 1) -> None:
    """Write company pictures with a manifest: per person two tired ones (checks) and two alert ones (rings)."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "source", "subject"])
        for person in range(people):
            for shot, (label, kind) in enumerate((("fatigue", 7), ("fatigue", 7), ("alert", 8), ("alert", 8))):
                name = f"p{person:03}_{shot}.png"
                cv2.imwrite(str(folder / name), made_up_face(kind, rng, side=96))
                writer.writerow([name, label, "office", f"p{person:03}"])
