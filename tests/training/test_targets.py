"""Targets: votes mixed in where there are any, and no more said than a company label says."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5
from stressvision_training.classes import (
    COMPANY_OF,
    HEAD_CLASSES,
    HeadClasses,
    summing_matrix,
)
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.ferplus import majority
from stressvision_training.fitting.recipe import Head, read_recipe
from stressvision_training.fitting.run_folder import Beginning
from stressvision_training.fitting.targets import adjusted, class_shares, head_loss, targets_of
from support.datasets import blank_faces


def _data(labels: list[str], votes: list[list[int]], sources: list[str]) -> Dataset:
    return blank_faces(labels, sources=sources, votes=votes)


MIXTURE = Head(classes="emotions8", labels="mixture", votes=0.5)
VOTES = Head(classes="expressions9", labels="votes")


def _of(classes: HeadClasses, row: NDArray[np.float32]) -> dict[str, float]:
    return {name: value for name, value in zip(HEAD_CLASSES[classes], row.tolist(), strict=True) if value}


def test_half_label_half_votes() -> None:
    data = _data(["sad"], [[2, 0, 0, 6, 0, 0, 0, 0, 2, 0]], ["fer2013"])
    assert _of("emotions8", targets_of(data, MIXTURE)[0]) == pytest.approx({"sad": 0.875, "neutral": 0.125})


def test_without_usable_votes_the_label_stands_alone_in_a_mixture() -> None:
    data = _data(["sad", "fear"], [[0] * 10, [0, 0, 0, 0, 0, 0, 0, 0, 10, 0]], ["fer2013"] * 2)
    assert targets_of(data, MIXTURE).max(axis=1).tolist() == [1.0, 1.0]


def test_votes_alone_know_contempt_and_say_nothing_without_voters() -> None:
    data = _data(["angry", "sad"], [[0, 0, 0, 0, 5, 0, 0, 3, 2, 0], [0] * 10], ["fer2013"] * 2)
    first, second = targets_of(data, VOTES)
    assert _of("expressions9", first) == pytest.approx({"angry": 0.625, "contempt": 0.375})
    assert not second.any()


def test_a_majority_is_one_label_or_none() -> None:
    votes = [[0, 0, 0, 0, 6, 0, 0, 2, 2, 0], [5, 0, 0, 5, 0, 0, 0, 0, 0, 0]]
    targets = targets_of(_data(["sad", "sad"], votes, ["fer2013"] * 2), Head(classes="company5", labels="majority"))
    assert _of("company5", targets[0]) == {"stress": 1.0}
    assert not targets[1].any()


def test_smoothing_keeps_the_sum_and_spares_open_labels() -> None:
    head = Head(classes="emotions8", labels="fer2013", smoothing=0.2)
    targets = targets_of(_data(["sad", "stress"], [[0] * 10] * 2, ["fer2013", "custom:a"]), head)
    assert targets[0].sum() == pytest.approx(1)
    assert targets[0].min() == pytest.approx(0.2 / 8)
    assert _of("emotions8", targets[1]) == {"angry": 1, "disgust": 1, "fear": 1}


def test_company_labels_leave_their_fine_classes_open() -> None:
    data = _data(["stress", "alert", "fatigue"], [[0] * 10] * 3, ["custom:a"] * 3)
    assert targets_of(data, MIXTURE).sum(axis=1).tolist() == [3.0, 7.0, 1.0]
    assert targets_of(data, VOTES).sum(axis=1).tolist() == [4.0, 8.0, 1.0]
    fer7 = Head(classes="fer7", labels="fer2013")
    assert not targets_of(data, fer7).any(), "FER-2013's head is not asked about company pictures"


def test_the_loss_of_a_silent_row_is_nothing_and_of_an_open_one_their_total() -> None:
    from keras import ops

    logits = np.log(np.array([[0.5, 0.3, 0.2]] * 3, np.float32))
    targets = np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0]], np.float32)
    loss = ops.convert_to_numpy(head_loss(targets, logits))
    assert loss.tolist() == pytest.approx([-np.log(0.3), -np.log(0.8), 0.0], abs=1e-5)


@pytest.mark.parametrize("classes", ["company5", "emotions8", "expressions9"])
def test_the_sum_over_fine_classes_follows_the_clients_mapping(classes: HeadClasses) -> None:
    matrix = summing_matrix(classes, "company5")
    for row, name in enumerate(HEAD_CLASSES[classes]):
        assert COMPANY5[int(matrix[row].argmax())] == (name if name in COMPANY5 else COMPANY_OF[name])
    assert (matrix.sum(axis=1) == 1).all()


def test_a_head_serves_its_scheme_alone() -> None:
    assert np.array_equal(summing_matrix("fer7", "fer7"), np.eye(7))
    with pytest.raises(ValueError, match="cannot give out"):
        summing_matrix("fer7", "company5")


def test_ferplus_majority_needs_more_than_half_and_a_known_emotion() -> None:
    votes = [
        [6, 4, 0, 0, 0, 0, 0, 0, 0, 0],  # neutral
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # none has more than half
        [4, 1, 1, 1, 1, 1, 1, 0, 0, 0],  # single votes are outliers
        [0, 0, 0, 0, 0, 0, 0, 9, 0, 1],  # contempt is none of the seven
        [0] * 10,
    ]
    assert majority(np.array(votes, np.float32)).tolist() == [6, -1, 6, -1, -1]


def test_adjusted_logits_owe_nothing_to_how_frequent_a_class_is() -> None:
    targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [1, 1]], np.float32)
    shares = class_shares(targets)
    assert shares.tolist() == pytest.approx([4 / 6, 2 / 6])  # one more of each; a row that leaves both open is no count
    balanced = np.zeros((1, 2), np.float32)
    asked = adjusted(head_loss, shares, 1.0)(np.array([[0, 1]], np.float32), balanced)
    assert float(asked[0]) == pytest.approx(-np.log(2 / 6), rel=1e-5)
    plain = adjusted(head_loss, shares, 0.0)(np.array([[0, 1]], np.float32), balanced)
    assert float(plain[0]) == pytest.approx(np.log(2), rel=1e-5)


SHARES = np.log([4 / 11, 2 / 11])  # one more of each of the seven


@pytest.mark.train
@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        (["heads.0.weight=3"], 3 * np.log(7)),
        (["heads.0.adjustment=1"], -np.average(SHARES, weights=[3, 1])),
        (["heads.0.adjustment=1", "rows.balance=weights"], -SHARES.mean()),
    ],
)
def test_a_fit_asks_what_its_recipe_says(changes: list[str], loss: float) -> None:
    from stressvision_training.fitting.fit import _Course

    recipe = read_recipe(Path(__file__).parents[2] / "training" / "recipes" / "simple-cnn.toml", changes)
    faces = blank_faces(["happy", "happy", "happy", "sad", "sad"])
    faces = msgspec.structs.replace(faces, splits=np.array(["train"] * 4 + ["validation"]))
    course = _Course(recipe, faces, Beginning())
    course.model.set_weights([np.zeros_like(weight) for weight in course.model.get_weights()])
    assert course._train(0, lambda _: None) == pytest.approx(loss, rel=1e-5)
