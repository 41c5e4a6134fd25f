"""FER-2013 as an .npz: what is none is named."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stressvision_training.data.fer2013 import read_fer2013
from stressvision_training.data.rows import SourceError


def test_a_cut_off_npz_is_named(tmp_path: Path) -> None:
    arrays = {"images": np.zeros((4, 48, 48), np.uint8), "label": np.zeros(4, int), "usage": np.full(4, "Training")}
    np.savez(tmp_path / "fer.npz", **arrays)
    path = tmp_path / "fer.npz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(SourceError, match="fetch it again"):
        read_fer2013(path)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"images": np.zeros((2, 48, 48), np.uint8), "label": [0.5, 1.0], "usage": ["Training"] * 2}, "float64"),
        ({"images": np.zeros((2, 48, 48), np.uint8), "label": [0, 1], "usage": [0, 1]}, "int64 and int64"),
        ({"images": np.zeros((2, 48, 48), np.uint8), "label": [[0], [1]], "usage": ["Training"] * 2}, "(2, 1)"),
        ({"images": np.uint8(0), "label": 0, "usage": "Training"}, "(), (), ()"),
        ({"images": np.zeros((1, 48, 48), np.uint8), "label": [7], "usage": ["Training"]}, "label 7 and usage"),
    ],
)
def test_odd_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / "fer2013.npz", **arrays)
    with pytest.raises(SourceError, match=rf"fer2013\.npz: .*{re.escape(says)}"):
        read_fer2013(tmp_path / "fer2013.npz")


def test_a_single_array_is_named(tmp_path: Path) -> None:
    with (tmp_path / "fer2013.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(SourceError, match="is a single array, expected an archive"):
        read_fer2013(tmp_path / "fer2013.npz")
