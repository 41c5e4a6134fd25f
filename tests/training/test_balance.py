"""Balance: what a label weighs and how often it is drawn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stressvision_training.data.balance import class_weights, resampled_rows, row_weights

labels = st.lists(st.sampled_from(["neutral", "sad", "happy", "alert"]), min_size=1, max_size=200).map(np.array)


@given(labels)
def test_weights_make_every_class_count_the_same_and_the_mean_row_one(found: np.ndarray) -> None:
    weights = row_weights(found, class_weights(found))
    assert np.isclose(weights.mean(), 1, atol=1e-5)
    totals = [weights[found == name].sum() for name in set(found.tolist()) - {"alert"}]
    assert np.allclose(totals, totals[:1], rtol=1e-4)
    assert (weights[found == "alert"] == 1).all()
    assert np.allclose(row_weights(found, class_weights(found, power=0)), 1)


@given(labels, st.integers(0, 99), st.integers(1, 300))
def test_drawing_evens_classes_out_and_no_row_comes_twice_before_its_class_came_once(
    found: np.ndarray, seed: int, total: int
) -> None:
    rows = resampled_rows(found, np.random.default_rng(seed), total)
    assert len(rows) == total
    assert rows.tolist() == resampled_rows(found, np.random.default_rng(seed), total).tolist()
    times = np.bincount(rows, minlength=len(found))
    for name in set(found.tolist()):
        assert np.ptp(times[found == name]) <= 1
    drawn = [times[found == name].sum() for name in set(found.tolist()) - {"alert"}]
    assert not drawn or max(drawn) - min(drawn) <= 2
    assert abs(times[found == "alert"].sum() - total * (found == "alert").mean()) <= 1


def test_without_power_the_classes_are_drawn_as_they_are() -> None:
    found = np.array(["sad"] * 90 + ["happy"] * 10)
    rows = resampled_rows(found, np.random.default_rng(0), power=0)
    assert sorted(rows.tolist()) == list(range(100))
