"""What is added to logits: found on made-up ones, bounded by false alarms, and put into the head's biases."""

import numpy as np
import pytest
from numpy.typing import NDArray

from stressvision_training.classes import HEAD_CLASSES
from stressvision_training.exporting import offsets
from support.datasets import blank_faces

CLASSES = HEAD_CLASSES["expressions9"]


def _logits(**given: list[float]) -> NDArray[np.float32]:
    logits = np.full((len(next(iter(given.values()))), len(CLASSES)), -20, np.float32)
    logits[:, CLASSES.index("neutral")] = 0
    for name, values in given.items():
        logits[:, CLASSES.index(name)] = values
    return logits


def _fit(labels: list[str], sources: list[str], **given: list[float]) -> dict[str, float]:
    return offsets.fit_offsets(_logits(**given), blank_faces(labels, sources=sources), "expressions9")


def test_the_least_shift_that_tells_all_apart() -> None:
    found = _fit(["fatigue"] * 2 + ["alert"] * 2, ["custom:a"] * 4, fatigue=[-1.05, -0.5, -3, -3])
    assert found == {"fatigue": pytest.approx(1.1)}


@pytest.mark.parametrize(("faces", "found"), [(133, {}), (134, {"fatigue": 2.1})])
def test_false_alarms_on_fer2013_bound_it(faces: int, found: dict[str, float]) -> None:
    labels = ["fatigue", "alert", *["neutral"] * faces]
    tired = [-2.05, -4, -1.05, *[-20.0] * (faces - 1)]  # beyond 1.1 one FER-2013 face looks tired
    assert _fit(labels, ["custom:a"] * 2 + ["fer2013"] * faces, fatigue=tired) == pytest.approx(found)


def test_without_alert_faces_fatigue_is_not_shifted() -> None:
    assert _fit(["fatigue"], ["custom:a"], fatigue=[-1.0]) == {}


@pytest.mark.parametrize(
    ("sad", "found"),
    [
        ([-0.25, -0.15, -2, -2], {"sad": 0.3}),  # the least that finds both
        ([-0.25, 0.5, -0.15, -2], {}),  # 0.2 would cost a neutral face, 0.3 gains no more than it lost
        ([-3, -3, -5, -5], {}),  # too far
        ([1, 1, -2, -2], {}),  # not needed
    ],
)
def test_sad_is_shifted_as_far_as_macro_f1_gains(sad: list[float], found: dict[str, float]) -> None:
    labels = ["sad", "sad", "neutral", "neutral"]
    assert _fit(labels, ["custom:a"] * 4, sad=sad) == {name: pytest.approx(offset) for name, offset in found.items()}


def test_sad_is_shifted_past_fatigue_where_that_now_is() -> None:
    found = _fit(["fatigue", "alert", "sad"], ["custom:a"] * 3, fatigue=[-1.05, -3, -1.0], sad=[-20, -20, -0.25])
    assert found == pytest.approx({"fatigue": 1.1, "sad": 0.4})


def test_fer7_stays_as_it_was_learnt() -> None:
    faces = blank_faces(["sad", "neutral"], sources=["fer2013"] * 2)
    assert offsets.fit_offsets(np.zeros((2, 7), np.float32), faces, "fer7") == {}


@pytest.mark.train
def test_the_shifts_go_into_their_biases_alone() -> None:
    import keras

    face = keras.Input((4,))
    network = keras.Model(face, {"expressions9": keras.layers.Dense(len(CLASSES), name="expressions9")(face)})
    before = network.get_layer("expressions9").get_weights()[1]
    offsets.shift(network, "expressions9", {"fatigue": 1.5, "sad": 0.5})
    moved = network.get_layer("expressions9").get_weights()[1] - before
    assert dict(zip(CLASSES, moved.tolist(), strict=True)) == dict.fromkeys(CLASSES, 0.0) | {"fatigue": 1.5, "sad": 0.5}
