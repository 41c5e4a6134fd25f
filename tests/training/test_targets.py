"""Targets: votes mixed in where there are any, and no more said than a company label says."""

import numpy as np
import pytest

from stressvision_contracts.labels import COMPANY5
from stressvision_training.classes import FINE, fine_set, summing_matrix
from stressvision_training.dataset import Dataset
from stressvision_training.ferplus import majority
from stressvision_training.targets import soft_targets


def _data(labels: list[str], votes: list[list[int]], sources: list[str]) -> Dataset:
    allowed = np.zeros((len(labels), 8), bool)
    for row, (label, source) in enumerate(zip(labels, sources, strict=True)):
        for name in fine_set(label, "company5", custom=source != "fer2013"):
            allowed[row, FINE["company5"].index(name)] = True
    text = np.array(labels)
    return Dataset(
        scheme="company5",
        images=np.zeros((len(labels), 48, 48), np.uint8),
        allowed=allowed,
        votes=np.array(votes, np.float32),
        splits=text,
        sources=np.array(sources),
        labels=text,
        names=text,
        usages=text,
        groups=text,
        digests={},
    )


def test_half_label_half_votes() -> None:
    data = _data(["sad"], [[2, 0, 0, 6, 0, 0, 0, 1, 1, 0]], ["fer2013"])
    target = dict(zip(FINE["company5"], soft_targets(data, 0.5)[0].tolist(), strict=True))
    assert target["sad"] == pytest.approx(0.5 + 0.5 * 6 / 8)
    assert target["neutral"] == pytest.approx(0.5 * 2 / 8)
    assert sum(target.values()) == pytest.approx(1)


def test_without_usable_votes_the_label_stands_alone() -> None:
    data = _data(["sad", "fear"], [[0] * 10, [0, 0, 0, 0, 0, 0, 0, 5, 5, 0]], ["fer2013"] * 2)
    assert soft_targets(data, 0.5).sum(axis=1).tolist() == [1.0, 1.0]
    assert soft_targets(data, 0.5).max(axis=1).tolist() == [1.0, 1.0]


def test_company_labels_leave_their_fine_classes_open() -> None:
    data = _data(["stress", "alert", "fatigue"], [[0] * 10] * 3, ["custom:a"] * 3)
    assert soft_targets(data, 0.5).sum(axis=1).tolist() == [3.0, 7.0, 1.0]


def test_the_sum_over_fine_classes_follows_the_clients_mapping() -> None:
    matrix = summing_matrix("company5")
    of = {fine: COMPANY5[int(matrix[row].argmax())] for row, fine in enumerate(FINE["company5"])}
    assert of == {
        "angry": "stress",
        "disgust": "stress",
        "fear": "stress",
        "happy": "happy",
        "sad": "sad",
        "surprise": "neutral",
        "neutral": "neutral",
        "fatigue": "fatigue",
    }
    assert (matrix.sum(axis=1) == 1).all()
    assert np.array_equal(summing_matrix("fer7"), np.eye(7))


def test_ferplus_majority_needs_more_than_half_and_a_known_emotion() -> None:
    votes = [
        [6, 4, 0, 0, 0, 0, 0, 0, 0, 0],  # neutral
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # none has more than half
        [4, 1, 1, 1, 1, 1, 1, 0, 0, 0],  # single votes are outliers
        [0, 0, 0, 0, 0, 0, 0, 9, 0, 1],  # contempt is none of the seven
        [0] * 10,
    ]
    assert majority(np.array(votes, np.float32)).tolist() == [6, -1, 6, -1, -1]
