"""What a candidate must meet beyond its export's own gates."""

from typing import Any

import pytest

from stressvision_trainer.gates import Verdict, verdicts


def report(macro_f1: float = 0.8, upper: float = 0.82, rows: int = 400, ece: float = 0.02, **recall: Any) -> Any:
    classes = {"neutral": (200, 0.9), "fatigue": (60, 0.8)} | recall
    return {
        "truth": {"rows": rows},
        "ece": ece,
        "macro_f1": macro_f1,
        "intervals": {"macro_f1": [macro_f1 - 0.02, upper]},
        "per_class": {label: {"support": n, "recall": share} for label, (n, share) in classes.items()},
    }


def met(found: list[Verdict]) -> dict[str, bool | None]:
    return {each.name: each.met for each in found}


def test_a_good_model_meets_all() -> None:
    found = met(verdicts(report(), report(macro_f1=0.81), {"p95_ms": 3.0}))
    assert set(found.values()) == {True}
    assert "macro-F1 against the model in use" in found


def test_a_model_worse_than_the_one_in_use_is_named_when_not_by_chance() -> None:
    assert (
        met(verdicts(report(upper=0.82), report(macro_f1=0.83), {"p95_ms": 3.0}))["macro-F1 against the model in use"]
        is False
    )
    assert "macro-F1 against the model in use" not in met(verdicts(report(), None, {"p95_ms": 3.0}))


def test_a_class_that_is_missed_a_slow_or_a_boastful_model_is_named() -> None:
    found = met(verdicts(report(fatigue=(60, 0.2), ece=0.2), None, {"p95_ms": 300.0}))
    assert [name for name, is_met in found.items() if is_met is False] == [
        "recall of fatigue",
        "expected calibration error",
        "95 % of faces, ms",
    ]


def test_too_few_faces_decide_nothing() -> None:
    found = met(verdicts(report(rows=50, ece=0.5, fatigue=(29, 0.2)), None, {"p95_ms": 1.0}))
    assert (found["recall of fatigue"], found["expected calibration error"]) == (None, None)


@pytest.mark.parametrize(
    ("faces", "recall", "is_met"),
    [(0, 0.0, None), (8, 0.0, None), (9, 0.0, False), (29, 0.1, False), (29, 0.9, None), (30, 0.29, False)],
)
def test_a_class_that_is_never_found_needs_few_faces_to_show(faces: int, recall: float, is_met: bool | None) -> None:
    found = met(verdicts(report(neutral=(faces, recall)), None, {"p95_ms": 1.0}))
    assert found["recall of neutral"] is is_met
