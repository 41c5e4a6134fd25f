"""The shift of fatigue: found on made-up logits, bounded by false alarms, and put into the head's bias."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stressvision_training.classes import HEAD_CLASSES
from stressvision_training.exporting import offsets
from support.datasets import blank_faces

CLASSES = HEAD_CLASSES["expressions9"]


def _logits(fatigue: list[float]) -> NDArray[np.float32]:
    logits = np.full((len(fatigue), len(CLASSES)), -20, np.float32)
    logits[:, CLASSES.index("neutral")] = 0
    logits[:, CLASSES.index("fatigue")] = fatigue
    return logits


def _fit(fatigue: list[float], labels: list[str], sources: list[str]) -> float:
    return offsets.fit_fatigue_offset(_logits(fatigue), blank_faces(labels, sources=sources), "expressions9")


def test_the_least_shift_that_tells_all_apart() -> None:
    found = _fit([-1.05, -0.5, -3, -3], ["fatigue"] * 2 + ["alert"] * 2, ["custom:a"] * 4)
    assert found == pytest.approx(1.1)


def test_false_alarms_on_fer2013_bound_it() -> None:
    labels = ["fatigue", "alert", "sad"]
    found = _fit([-2.05, -4, -1.05], labels, ["custom:a", "custom:a", "fer2013"])
    assert found == 0.0, "beyond 1.1 every FER-2013 face would look tired, and less helps nobody"


def test_without_alert_faces_nothing_is_shifted() -> None:
    assert _fit([-1.0], ["fatigue"], ["custom:a"]) == 0.0


@pytest.mark.train
def test_the_shift_goes_into_the_bias_of_fatigue_alone() -> None:
    import keras

    face = keras.Input((4,))
    network = keras.Model(face, {"expressions9": keras.layers.Dense(len(CLASSES), name="expressions9")(face)})
    before = network.get_layer("expressions9").get_weights()[1]
    offsets.shift_fatigue(network, "expressions9", 1.5)
    moved = network.get_layer("expressions9").get_weights()[1] - before
    assert moved.tolist() == [1.5 if name == "fatigue" else 0.0 for name in CLASSES]
