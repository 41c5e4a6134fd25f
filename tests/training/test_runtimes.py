"""A model in a process of its own: the same answers, and no face left anywhere when that ends badly."""

import importlib.util
import tempfile
from pathlib import Path

import numpy as np
import pytest

from stressvision_training.exporting.runtimes import probabilities_in
from stressvision_vision.classifier import RUNTIMES, Classifier, Runtime

SHIPPED = Path(__file__).parents[2] / "models" / "stressvision"
FACES = np.random.default_rng(0).integers(0, 256, (3, 48, 48), np.uint8)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_it_answers_as_the_classifier_does_and_needs_no_file(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec(RUNTIMES[runtime].split(".")[0]) is None:
        pytest.skip(f"{runtime} is not installed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    here = Classifier(SHIPPED)
    there = probabilities_in(runtime, SHIPPED, FACES)
    assert there.shape == (3, 5)
    assert np.abs(there - np.stack([here.probabilities(face) for face in FACES])).max() < 0.1


def test_what_went_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)gone in litert: .*a model needs its manifest"):
        probabilities_in("litert", tmp_path / "gone", FACES)
