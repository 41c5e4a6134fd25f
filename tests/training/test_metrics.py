"""Figures: the same as scikit-learn's on random answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from stressvision_training.evaluation.metrics import auc, calibration_error, scores
from stressvision_training.exporting.calibration import fit_temperature
from stressvision_vision.classifier import soften

LABELS = ("a", "b", "c", "d")


def _answers(rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    probabilities = rng.dirichlet(np.ones(4), rows).astype(np.float32)
    truth = np.array([rng.choice(4, p=p / p.sum()) for p in probabilities.astype(np.float64)])
    return probabilities, truth


def test_they_match_scikit_learn() -> None:
    probabilities, truth = _answers()
    chosen = probabilities.argmax(axis=1)
    found = scores(probabilities, truth, LABELS)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, chosen))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, chosen, average="macro")
    assert (found["macro_precision"], found["macro_recall"]) == pytest.approx((precision, recall))
    assert found["macro_f1"] == pytest.approx(f1)
    assert found["log_loss"] == pytest.approx(sk.log_loss(truth, probabilities), rel=1e-5)
    assert found["confusion"] == sk.confusion_matrix(truth, chosen).tolist()
    assert found["macro_auc"] == pytest.approx(sk.roc_auc_score(truth, probabilities, multi_class="ovr"), abs=1e-6)


def test_a_certainty_that_is_wrong_leaves_the_loss_a_number() -> None:
    assert scores(np.eye(4, dtype=np.float32)[[0, 1]], np.array([1, 1]), LABELS)["log_loss"] == pytest.approx(
        8.06, 0.01
    )


def test_ties_count_half_in_the_area() -> None:
    score = np.array([0.5, 0.5, 0.5, 0.9], np.float32)
    positive = np.array([True, False, False, True])
    assert auc(score, positive) == pytest.approx(sk.roc_auc_score(positive, score))
    assert auc(score, np.zeros(4, bool)) is None


def test_a_class_that_does_not_occur_does_not_lower_the_macro_figures() -> None:
    probabilities, truth = np.eye(4, dtype=np.float32)[[0, 1, 0, 1]], np.array([0, 1, 0, 1])
    found = scores(probabilities, truth, LABELS)
    assert found["macro_f1"] == 1.0
    assert found["per_class"]["c"]["support"] == 0


def test_the_most_common_errors_come_first() -> None:
    probabilities = np.eye(4, dtype=np.float32)[[1, 1, 1, 2, 0]]
    found = scores(probabilities, np.array([0, 0, 1, 1, 3]), LABELS)
    assert found["most_common_errors"][0] == {"true": "a", "given": "b", "rows": 2}


def test_calibration_error_weighs_the_gap_of_a_bin_by_its_rows() -> None:
    sure = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert calibration_error(sure, np.array([0, 1])) == pytest.approx(0.5)
    less = np.array([[0.75, 0.25]], np.float32)
    assert calibration_error(np.concatenate([sure, less]), np.array([0, 1, 0])) == pytest.approx((2 * 0.5 + 0.25) / 3)


def test_the_temperature_undoes_overconfidence() -> None:
    probabilities, truth = _answers(3000)
    sharpened = soften(probabilities, 0.5)
    assert fit_temperature(sharpened, truth) == pytest.approx(2.0, rel=0.1)


@settings(max_examples=40)
@given(st.data())
def test_any_answers_score_as_scikit_learn_scores_them(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 60))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    # few levels make ties in the ROC curve, and few rows leave classes out
    probabilities = rng.integers(1, 5, (rows, 4)).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    truth = rng.integers(0, data.draw(st.integers(1, 4)), rows)
    found, chosen = scores(probabilities, truth, LABELS), probabilities.argmax(axis=1)
    there = np.unique(truth)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, chosen, labels=there, average=None, zero_division=0
    )
    for k, number in enumerate(there):
        mine = found["per_class"][LABELS[number]]
        assert [mine[name] for name in ("precision", "recall", "f1")] == pytest.approx([precision[k], recall[k], f1[k]])
        assert mine["support"] == support[k]
        if len(there) > 1:
            positive = truth == number
            assert mine["auc"] == pytest.approx(sk.roc_auc_score(positive, probabilities[:, number]), abs=1e-6)
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, chosen))
    assert 0 <= found["ece"] <= 1
