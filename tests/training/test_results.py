"""What is kept of an evaluation, and how people read it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from stressvision_contracts.labels import FER7, LABELS, LabelScheme
from stressvision_training.cli import app
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.evaluate import measure, recalls, summary, summary_intervals
from stressvision_training.evaluation.paired import compared
from stressvision_training.evaluation.results import append
from stressvision_training.evaluation.tables import report_tables
from stressvision_training.evaluation.truth import truth_for
from support.faces import write_custom

MODELS = Path(__file__).parents[2] / "models"
ROWS = 140
VOTED = {"neutral": 0, "happy": 1, "surprise": 2, "sad": 3, "angry": 4, "disgust": 5, "fear": 6}


def _data(persons: int = 0) -> Dataset:
    """Return FER-2013 rows of which every tenth has no clear votes, and seven tired and seven alert company faces.

    The first rows show `persons` people, two rows each.
    """
    labels = [FER7[row % 7] for row in range(ROWS - 14)] + ["fatigue"] * 7 + ["alert"] * 7
    votes = np.zeros((ROWS, 10), np.float32)
    for row, label in enumerate(labels):
        if label in VOTED:
            votes[row, VOTED[label]] = 10 if row % 10 else 4
    text = np.array(labels)
    return Dataset(
        scheme="company5",
        images=np.zeros((ROWS, 48, 48), np.uint8),
        votes=votes,
        splits=text,
        sources=np.array(["fer2013"] * (ROWS - 14) + ["custom:office"] * 14),
        labels=text,
        names=text,
        usages=text,
        groups=np.arange(ROWS).astype(str),
        subjects=np.array([str(row // 2) if row < 2 * persons else "" for row in range(ROWS)]),
        digests={},
    )


def _report(scheme: LabelScheme, *, right: float = 0.8, persons: int = 0) -> dict[str, Any]:
    """Return the report on a model that names `right` of the rows as `scheme` wants it, the others the next label."""
    data, rng = _data(persons), np.random.default_rng(5)
    truth, labels = np.maximum(truth_for(data, scheme), 0), len(LABELS[scheme])
    chosen = np.where(rng.random(ROWS) < right, truth, (truth + 1) % labels)
    given = np.full((ROWS, labels), 0.1 / (labels - 1), np.float32)
    given[np.arange(ROWS), chosen] = 0.9
    facts = {"model": "m.tflite", "digest": "d" * 64, "fed": "grey", "split": "test", "data": {"index.csv": "i" * 64}}
    there = truth_for(data, scheme) >= 0
    against = compared(given[there], np.roll(given, 1, axis=1)[there], truth[there], data.groups[there])
    return facts | measure(given, data, scheme) | {"against": {"model": "o", "digest": "e" * 64} | against}


def _printed(report: dict[str, Any]) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in report_tables(report):
        console.print(table)
    return console.export_text()


def test_seven_emotions_are_worth_more_summed_into_the_companys_classes() -> None:
    report = _report("fer7")
    summed = report["as_company5"]["fer2013"]
    assert (summed["rows"], summed["of"]) == (ROWS - 14, ROWS - 14)
    assert summed["accuracy"] > report["accuracy"]  # angry as disgust is right now, both are stress
    assert summed["per_class"]["fatigue"]["support"] == 0
    low, high = report["intervals"]["accuracy_by"]["fer2013_as_company5"]
    assert low < summed["accuracy"] < high
    assert summary(report)["fer2013_as_company5_accuracy"] == summed["accuracy"]


@pytest.mark.parametrize("scheme", ["company5", "fer7"])
def test_every_accuracy_and_share_of_a_summary_has_its_interval(scheme: LabelScheme) -> None:
    report = _report(scheme)
    short, sure = summary(report) | recalls(report), summary_intervals(report)
    assert {name for name in short if name.endswith("accuracy") or name.startswith(("fatigue", "recall"))} <= set(sure)
    assert len(recalls(report)) == len(LABELS[scheme])
    assert all(sure[name][0] <= value <= sure[name][1] for name, value in short.items() if name.endswith("accuracy"))


def test_the_headline_is_the_first_line(tmp_path: Path) -> None:
    path, report = tmp_path / "results.csv", _report("company5")
    append(path, report)
    append(path, report)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * (1 + 1 + 2 + 3)
    assert lines[0]["labels"].startswith("FER+ consensus")
    assert lines[0]["labels"].endswith("company pictures: own labels")
    assert float(lines[0]["accuracy"]) == pytest.approx(report["accuracy"], abs=1e-4)
    assert float(lines[0]["accuracy_low"]) < report["accuracy"] < float(lines[0]["accuracy_high"])
    assert float(lines[0]["recall_sad"]) == pytest.approx(report["per_class"]["sad"]["recall"], abs=1e-4)
    assert float(lines[0]["fatigue_balanced_against_alert"]) > 0.5
    assert (lines[0]["fatigue_recall"] != "", lines[1]["fatigue_recall"]) == (True, "")


def test_what_seven_emotions_are_worth_summed_has_lines_of_its_own(tmp_path: Path) -> None:
    append(tmp_path / "results.csv", _report("fer7"))
    with (tmp_path / "results.csv").open(newline="") as file:
        accuracy = {line["labels"]: float(line["accuracy"]) for line in csv.DictReader(file)}
    summed = {labels: share for labels, share in accuracy.items() if labels.endswith(", summed into company5")}
    assert len(summed) == 4
    for labels, share in summed.items():
        assert share >= accuracy[labels.removesuffix(", summed into company5")]


def test_a_last_line_without_its_end_is_ended(tmp_path: Path) -> None:
    path, report = tmp_path / "results.csv", _report("company5")
    append(path, report)
    once = path.read_text()
    path.write_text(once.removesuffix("\n"))
    append(path, report)
    assert path.read_text() == once + once.partition("\n")[2]


def test_a_file_of_other_columns_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("day,model\n")
    with pytest.raises(SourceError, match="has the columns day, model"):
        append(path, _report("fer7"))
    assert path.read_text() == "day,model\n"


@pytest.mark.parametrize("scheme", ["company5", "fer7"])
def test_eighty_columns_are_enough_for_the_tables(scheme: LabelScheme) -> None:
    report = _report(scheme)
    text = _printed(report)
    assert "…" not in text
    first = text[: text.index("accuracy")]
    assert ("FER+ consensus" if scheme == "company5" else "own labels") in first
    truth = report["truth"]
    assert f"{truth['rows']} of {truth['of']}, {truth['share']:.1%}" in first
    assert "McNemar" in text
    assert ("summed into the company's classes" in text) == (scheme == "fer7")


@pytest.mark.parametrize(("persons", "says"), [(0, ""), (3, "too few for a spread"), (12, "tenth percentile")])
def test_the_spread_over_persons_is_told_where_there_are_enough(persons: int, says: str) -> None:
    text = _printed(_report("fer7", persons=persons))
    assert ("accuracy per person" in text) == bool(persons)
    assert says in text
    assert (f"{persons} of {persons} persons have 2 faces" in text) == bool(persons)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return prepared company pictures, all of them tired or alert."""
    where = tmp_path_factory.mktemp("company")
    write_custom(where / "pictures", people=12)
    prepare(Preparation(custom=where / "pictures"), where / "data")
    return where / "data"


def _evaluate(model: str, *options: object) -> tuple[int, str]:
    asked = ["evaluate", str(MODELS / model), *map(str, options)]
    done = CliRunner().invoke(app, asked)
    return done.exit_code, " ".join(done.output.split())


def test_a_split_without_a_label_of_the_model_is_said_to_be(company: Path) -> None:
    code, output = _evaluate("stressvision-fer7", "--data", company)
    assert (code, "no row of test has a label of fer7, so" in output) == (1, True), output


def test_a_set_of_one_class_is_judged_on_that_class(company: Path, tmp_path: Path) -> None:
    code, output = _evaluate("stressvision", "--data", company, "--json", "--out", tmp_path)
    assert code == 0, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["macro_recall"] == report["per_class"]["fatigue"]["recall"]
    assert set(report["intervals"]["recall"]) == {"fatigue"}


def test_a_file_of_other_columns_is_refused_before_anything_is_judged(company: Path, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("day,model\n")
    options = ("--data", company, "--record", tmp_path / "results.csv", "--out", tmp_path / "figures")
    code, output = _evaluate("stressvision", *options)
    assert (code, "has the columns day, model" in output) == (1, True), output
    assert not (tmp_path / "figures").exists()
