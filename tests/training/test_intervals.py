"""Intervals: as wide as theory says, wider where rows hang together, and paired figures as the exact test has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stressvision_training.evaluation.intervals import intervals, weighted_interval
from stressvision_training.evaluation.metrics import scores
from stressvision_training.evaluation.paired import compared

LABELS = ("neutral", "stress", "sad")


def _answers(chosen: NDArray[np.int64], sure: float = 0.8) -> NDArray[np.float32]:
    given = np.full((len(chosen), 3), (1 - sure) / 2, np.float32)
    given[np.arange(len(chosen)), chosen] = sure
    return given


def _own_groups(rows: int) -> NDArray[np.str_]:
    return np.arange(rows).astype(str)


def test_the_interval_of_accuracy_is_the_binomials() -> None:
    rows, share = 1000, 0.8
    truth = np.arange(rows) % 3
    chosen = np.where(np.arange(rows) < rows * share, truth, (truth + 1) % 3)
    low, high = intervals(_answers(chosen), truth, _own_groups(rows), LABELS)["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / rows)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.004)


def test_rows_of_one_person_widen_it() -> None:
    truth = np.zeros(400, np.int64)
    chosen = np.repeat(np.arange(20) % 2, 20)  # a person is always named rightly, or never
    alone = intervals(_answers(chosen), truth, _own_groups(400), LABELS)["accuracy"]
    together = intervals(_answers(chosen), truth, np.repeat(_own_groups(20), 20), LABELS)["accuracy"]
    ratio = np.ptp(together) / np.ptp(alone)
    assert ratio == pytest.approx(np.sqrt(20), rel=0.15)


def test_a_label_without_rows_has_no_interval() -> None:
    truth = np.array([0, 1, 0, 1] * 10)
    found = intervals(_answers(truth), truth, _own_groups(40), LABELS)
    assert set(found["recall"]) == {"neutral", "stress"}
    assert found["macro_f1"] == [1.0, 1.0]
    assert found["ece"] == pytest.approx([0.2, 0.2], abs=1e-6)


@settings(max_examples=25)
@given(st.data())
def test_every_figure_lies_in_its_interval(data: st.DataObject) -> None:
    rows = data.draw(st.integers(30, 120))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    truth = rng.integers(0, 3, rows)
    given_ = rng.dirichlet(np.ones(3), rows).astype(np.float32)
    found, told = intervals(given_, truth, _own_groups(rows), LABELS), scores(given_, truth, LABELS)
    for name in ("accuracy", "macro_recall", "macro_f1"):
        low, high = found[name]
        assert low - 0.02 <= told[name] <= high + 0.02
    for label, (low, high) in found["recall"].items():
        assert low <= told["per_class"][label]["recall"] <= high


def test_weights_count() -> None:
    values, weights = np.array([1.0, 0.0], np.float32), np.array([3.0, 1.0], np.float32)
    same = np.array(["a", "a"])
    assert weighted_interval(values, weights, same) == pytest.approx([0.75, 0.75])


def test_two_models_are_told_apart_by_the_exact_test() -> None:
    truth = np.zeros(100, np.int64)
    one, other = truth.copy(), truth.copy()
    other[:12] = 1  # only the first is right
    one[12:15] = 1  # only the second
    one[15:20] = other[15:20] = 1
    found = compared(_answers(one), _answers(other), truth, _own_groups(100))
    assert (found["only_this_right"], found["only_other_right"]) == (12, 3)
    assert found["difference"] == pytest.approx(0.09)
    # 2 * (1 + 15 + 105 + 455) / 2**15: the tail of a fair coin's 15 throws
    assert found["p_value"] == pytest.approx(1152 / 32768)
    low, high = found["interval"]
    assert 0 < low < 0.09 < high


def test_two_models_of_one_mind_do_not_differ() -> None:
    truth = np.array([0, 1, 2] * 5)
    found = compared(_answers(truth), _answers(truth, 0.6), truth, _own_groups(15))
    assert found["p_value"] == 1.0
    assert found["interval"] == [0.0, 0.0]
