"""What is told of an epoch: as many figures as the control API takes, and those of the run first."""

from stressvision_trainer.job import MOST_FIGURES, _brief

RUN = {"epoch": 3, "epochs": 9, "loss": 0.5, "accuracy": 0.7, "seconds": 4.0, "eta_seconds": 24.0}


def test_data_of_many_sources_have_more_figures_than_are_taken() -> None:
    sources = {f"company5_fatigue_recall_camera{number}": 0.5 for number in range(80)}
    told = _brief(RUN | {"company5_accuracy": 0.8} | sources)
    assert len(told) == MOST_FIGURES
    assert RUN.items() <= told.items()
    assert told["company5_accuracy"] == 0.8


def test_otherwise_nothing_is_left_out() -> None:
    record = RUN | {"company5_accuracy": 0.8, "fer7_accuracy": 0.6}
    assert _brief(record) == record
