"""A report: its headline follows the scheme's rule, and every other figure says whose word it takes."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from stressvision_contracts.labels import COMPANY5, FER7, LabelScheme
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.sheets import TILE
from stressvision_training.evaluation.evaluate import Evaluation, _notes, judge, summary
from stressvision_training.evaluation.fatigue import fatigue_intervals, fatigue_report
from stressvision_training.evaluation.figures import write_figures
from stressvision_training.evaluation.intervals import intervals
from stressvision_training.evaluation.metrics import scores
from stressvision_training.evaluation.opinions import against_votes
from stressvision_training.evaluation.persons import spread
from stressvision_training.evaluation.truth import truth_for
from support.datasets import blank_faces

NEUTRAL, STRESS, SAD, HAPPY, FATIGUE = range(5)


def _data(
    labels: list[str],
    votes: list[dict[int, int]] | None = None,
    sources: list[str] | None = None,
    subjects: list[str] | None = None,
    scheme: LabelScheme = "company5",
) -> Dataset:
    rows = len(labels)
    counts = np.zeros((rows, 10), np.float32)
    for row, found in enumerate(votes or []):
        for column, number in found.items():
            counts[row, column] = number
    return blank_faces(labels, votes=counts.tolist(), sources=sources, subjects=subjects, scheme=scheme)


def _answers(chosen: list[int], labels: int = 5, sure: float = 0.9) -> NDArray[np.float32]:
    given = np.full((len(chosen), labels), (1 - sure) / (labels - 1), np.float32)
    given[np.arange(len(chosen)), chosen] = sure
    return given


def test_company5_is_judged_by_the_consensus_of_voters() -> None:
    # one label says angry, six of ten voters say neutral (column 0); the last row has no winner with five votes
    data = _data(["angry", "sad", "sad"], [{0: 6, 4: 4}, {3: 9}, {3: 4, 0: 3, 1: 3}])
    report = judge(_answers([NEUTRAL, SAD, HAPPY]), data, "company5")
    assert report["truth"]["rule"] == "consensus"
    assert (report["truth"]["rows"], report["truth"]["of"]) == (2, 3)
    assert report["accuracy"] == 1.0
    assert report["own"]["accuracy"] == pytest.approx(1 / 3)
    assert report["ferplus_plurality"]["accuracy"] == pytest.approx(2 / 3)


def test_without_votes_the_labels_decide() -> None:
    report = judge(_answers([STRESS, SAD]), _data(["angry", "sad"]), "company5")
    assert report["truth"]["rule"] == "own"
    assert report["accuracy"] == 1.0
    assert report["votes"] is None


def test_fer7_is_judged_by_fer2013s_labels_even_with_votes() -> None:
    data = _data(["angry", "sad"], [{0: 10}, {3: 10}])
    report = judge(_answers([FER7.index("angry"), FER7.index("sad")], 7), data, "fer7")
    assert report["truth"]["rule"] == "own"
    assert report["accuracy"] == 1.0
    assert report["ferplus_consensus"]["accuracy"] == 0.5


def test_company_pictures_keep_their_labels_in_the_headline() -> None:
    data = _data(["angry", "fatigue"], [{4: 10}, {}], ["fer2013", "custom:office"])
    report = judge(_answers([STRESS, FATIGUE]), data, "company5")
    assert (report["rows"], report["accuracy"]) == (2, 1.0)
    assert report["by_source"]["custom"]["rows"] == 1


def test_fatigue_against_alert_controls_is_balanced() -> None:
    labels = ["fatigue"] * 2 + ["alert"] * 8
    data = _data(labels, sources=["custom:office"] * 10)
    given = _answers([FATIGUE, NEUTRAL] + [NEUTRAL] * 6 + [FATIGUE] * 2)
    found = fatigue_report(given, data)["balanced_against_alert"]
    assert found["share"] == pytest.approx((1 / 2 + 6 / 8) / 2)
    low, high = fatigue_intervals(given, data)["balanced_against_alert"]
    assert low < found["share"] < high


def test_false_fatigue_is_told_by_source() -> None:
    labels, sources = ["sad", "sad", "neutral", "alert"], ["fer2013", "fer2013", "custom:a", "custom:b"]
    found = fatigue_report(_answers([FATIGUE, SAD, FATIGUE, NEUTRAL]), _data(labels, sources=sources))
    shares = {name: part["share"] for name, part in found.items()}
    assert shares == {
        "false_on_fer2013": 0.5,
        "false_on_alert_controls": 0.0,
        "false_on_custom": 1.0,
        "false_on_a": 1.0,
        "false_on_b": 0.0,
    }


def test_no_false_alarm_in_a_hundred_faces_may_still_be_three_or_four() -> None:
    data = _data(["alert"] * 100, sources=["custom:office"] * 100)
    low, high = fatigue_intervals(_answers([NEUTRAL] * 100), data)["false_on_alert_controls"]
    assert [low, high] == pytest.approx([0, 1 - 0.025 ** (1 / 100)])  # Clopper and Pearson 1934


def test_votes_are_scored_as_distributions() -> None:
    data = _data(["happy", "sad"], [{1: 8, 0: 2}, {3: 5, 0: 5}])
    given = _answers([HAPPY, NEUTRAL], sure=0.8)
    found = against_votes(given, data, "company5")
    assert found is not None
    first = -(0.8 * np.log(0.8) + 0.2 * np.log(0.05))
    second = -(0.5 * np.log(0.05) + 0.5 * np.log(0.8))
    assert found["cross_entropy"] == pytest.approx((first + second) / 2, rel=1e-5)
    entropy = (-(0.8 * np.log(0.8) + 0.2 * np.log(0.2)) + np.log(2)) / 2
    assert found["kl_divergence"] == pytest.approx((first + second) / 2 - entropy, rel=1e-5)
    assert found["one_voter"] == pytest.approx((0.8 + 0.5) / 2)
    assert found["one_voter_ceiling"] == pytest.approx((0.8 + 0.5) / 2)
    brier = [0.15**2 + 3 * 0.05**2 + 0.0, (0.8 - 0.5) ** 2 + 0.45**2 + 3 * 0.05**2]
    assert found["brier"] == pytest.approx(np.mean(brier), rel=1e-5)


def test_the_spread_over_persons_counts_those_with_enough_faces() -> None:
    subjects = [name for name in "abcdefghij" for _ in range(4)] + ["k", ""]
    data = _data(["sad"] * 42, sources=["custom:office"] * 42, subjects=subjects)
    right = np.ones(42, bool)
    right[:3], right[4:6] = False, False  # a has one of four right, b two
    found = spread(right, data)
    assert found is not None
    assert (found["persons"], found["with_enough"]) == (11, 10)
    assert (found["median"], found["worst"]) == (1.0, 0.25)
    assert found["p10"] == pytest.approx(0.25 + 0.9 * 0.25)


def test_two_persons_have_no_spread() -> None:
    found = spread(np.ones(4, bool), _data(["sad"] * 4, subjects=["a", "a", "b", "b"]))
    assert found == {"persons": 2, "least_rows": 2, "with_enough": 2, "least_persons": 10}
    assert spread(np.ones(4, bool), _data(["sad"] * 4)) is None


def test_the_scores_are_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 5, 500)
    given = rng.dirichlet(np.ones(5) * 0.5, 500)
    given[np.arange(500), truth] += 0.3
    given = (given / given.sum(axis=1, keepdims=True)).astype(np.float32)
    chosen = given.argmax(axis=1)
    found = scores(given, truth, COMPANY5)
    assert found["macro_f1"] == pytest.approx(f1_score(truth, chosen, average="macro"))
    assert found["macro_precision"] == pytest.approx(precision_score(truth, chosen, average="macro"))
    assert found["macro_recall"] == pytest.approx(recall_score(truth, chosen, average="macro"))
    assert found["macro_auc"] == pytest.approx(roc_auc_score(truth, given, multi_class="ovr"), abs=1e-6)


def test_a_summary_names_the_headline_and_the_labels_apart() -> None:
    report = judge(_answers([NEUTRAL, SAD]), _data(["angry", "sad"], [{0: 10}, {3: 10}]), "company5")
    short = summary(report)
    assert (short["accuracy"], short["own_accuracy"]) == (1.0, 0.5)
    assert short["ferplus_consensus_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("source", "learnt_from", "notes"),
    [
        ("custom:a", {"train.npz": "other"}, 1),
        ("custom:a", {"train.npz": "same"}, 0),
        ("custom:a", {}, 0),
        ("fer2013", {"train.npz": "other"}, 0),
    ],
)
def test_people_whom_a_model_may_know_are_noted(source: str, learnt_from: dict[str, str], notes: int) -> None:
    part = msgspec.structs.replace(blank_faces(["happy"], sources=[source]), digests={"train.npz": "same"})
    assert len(_notes(learnt_from, part)) == notes


def test_the_surest_errors_are_shown(tmp_path: Path) -> None:
    data = _data(["angry", "sad", "sad", "happy"])
    given = _answers([SAD, SAD, HAPPY, HAPPY])
    report = judge(given, data, "company5")
    truth = truth_for(data, "company5")
    report["intervals"] = intervals(given, truth, data.groups, COMPANY5)
    found = Evaluation(report=report, data=data, probabilities=given, truth=truth, temperature=0.5)
    written = write_figures(tmp_path, found)
    assert [path.name for path in written] == ["confusion.png", "per_class.png", "reliability.png", "confused.png"]
    shapes = [cv2.imread(str(path)).shape for path in written]
    assert shapes[3][0] == 2 * (TILE + 4)  # two pairs were confused
    assert all(min(shape[:2]) > 100 for shape in shapes)
