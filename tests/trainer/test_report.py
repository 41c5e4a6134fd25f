"""The page on which a person decides: everything in it, nothing loaded, nothing run."""

import re
from pathlib import Path

import cv2
import numpy as np

from stressvision_trainer.report import write_page

CLASSES = {"happy": {"support": 10, "precision": 0.5, "recall": 0.25, "f1": 0.333}}
REPORT = {
    "truth": {"says": "FER+ consensus", "rows": 10},
    "intervals": {"accuracy": [0.4, 0.6]},
    "per_class": CLASSES,
    "accuracy": 0.5, "macro_precision": 0.5, "macro_recall": 0.25, "macro_f1": 0.333, "ece": 0.1,
}  # fmt: skip


def page(tmp_path: Path, **changes: object) -> str:
    picture = tmp_path / "confusion.png"
    cv2.imwrite(str(picture), np.zeros((4, 4), np.uint8))
    facts = {
        "version": "1.0<0",
        "report": REPORT,
        "champion": None,
        "conditions": [{"name": "size", "figure": 12.0, "bar": "<= 10", "met": False}],
        "counts": [{"split": "train", "source": "fer2013", "label": "happy", "rows": 7}],
        "warnings": ["test has no picture of fatigue"],
        "recipe": "seed = 1 # <b>",
        "epochs": 3,
    } | changes
    write_page(tmp_path / "report.html", facts, [picture])
    return (tmp_path / "report.html").read_text()


def test_it_says_what_is_not_met_and_what_it_learnt_from(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "Not met: size. Two named people must override that" in text
    assert "test has no picture of fatigue" in text
    assert "0.5 (0.4000 to 0.6000)" in text
    assert "<h2>What was taken for what</h2>" in text
    assert "&lt;b&gt;" in text
    assert "1.0&lt;0" in text


def test_it_stands_alone(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert not re.search(r"<script|<link|https?://|src=\"(?!data:)", text)


def test_champion_and_challenger_stand_side_by_side(tmp_path: Path) -> None:
    against = {
        "rows": 10, "only_this_right": 3, "only_other_right": 1,
        "difference": 0.2, "interval": [0.0, 0.4], "p_value": 0.6,
    }  # fmt: skip
    champion = REPORT | {"accuracy": 0.3}
    text = page(tmp_path, champion=champion, report=REPORT | {"against": against}, conditions=[])
    assert "+0.2000" in text
    assert "recall in use" in text
    assert "3 only this one got right, 1 only the model in use" in text
    assert "Every gate that could be tried is met" in text
