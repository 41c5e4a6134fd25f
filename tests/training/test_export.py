"""An export takes the place of the one before it whole, or not at all; its card says how to make it again."""

from pathlib import Path
from typing import Any

import pytest

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_contracts.manifest import read_manifest
from stressvision_training.data.dataset import file_digest
from stressvision_training.data.rows import SourceError
from stressvision_training.exporting.aims import AIMS, aimed
from stressvision_training.exporting.card import SCORES, _aim_table, _fits
from stressvision_training.exporting.export import _put, export
from stressvision_training.exporting.provenance import licence_note, without_folder

MODELS = Path(__file__).parents[2] / "models"


def _files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_what_is_finished_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    old, new = tmp_path / "model", tmp_path / "model.partial"
    for folder, word in ((old, "old"), (new, "new")):
        folder.mkdir()
        for name in ("model_int8.tflite", "manifest.json", "README.md"):
            (folder / name).write_text(word)
    (old / "model_float32.tflite").write_text("old, and not asked for this time")
    (old / "notes.txt").write_text("somebody's")
    _put(new, old)
    kept = dict.fromkeys(("model_int8.tflite", "manifest.json", "README.md"), "new")
    assert _files(old) == kept | {"notes.txt": "somebody's"}
    assert not new.exists()


def test_a_file_in_the_place_of_the_folder_is_named_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(SourceError, match=r"model: is a file; name a folder"):
        export(tmp_path / "run", tmp_path / "model", "1.0.0")
    assert _files(tmp_path) == {"model": "mine"}


def test_a_version_that_no_manifest_bears_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="--version '1 0': Expected `str` matching regex"):
        export(tmp_path / "run", tmp_path / "out", "1 0")


MADE: dict[str, Any] = {"recipe": "r.toml", "changes": [], "teachers": [], "teachers_are_live": False, "init": None}
BEGUN = "BEGUN1/final_model.keras"
FIT = "stressvision-train fit --recipe training/recipes/r.toml --data DATA --out"


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({}, [f"{FIT} RUN"]),
        ({"changes": ["seed=7", "rows.limit="]}, [f"{FIT} RUN --set seed=7 --set rows.limit="]),
        ({"changes": ["select='last'"]}, [f"""{FIT} RUN --set 'select='"'"'last'"'"''"""]),
        (
            {"teachers": [{}, {}]},
            [
                "stressvision-train teach TEACHER1.keras TEACHER2.keras --data DATA --out LESSONS-OF-RUN.npz",
                f"{FIT} RUN --lessons LESSONS-OF-RUN.npz",
            ],
        ),
        (
            {"teachers": [{}, {}], "teachers_are_live": True},
            [f"{FIT} RUN --teacher TEACHER1.keras --teacher TEACHER2.keras"],
        ),
        (
            {"init": MADE | {"epochs": 3, "of_epochs": 4}},
            [f"{FIT} BEGUN1   # stopped after epoch 3", f"{FIT} RUN --init BEGUN1/final_model.keras"],
        ),
        (
            {"teachers": [{}], "teachers_are_live": True, "init": MADE | {"teachers": [{}], "changes": ["seed=7"]}},
            [
                "stressvision-train teach TEACHER2.keras --data DATA --out LESSONS-OF-BEGUN1.npz",
                f"{FIT} BEGUN1 --set seed=7 --lessons LESSONS-OF-BEGUN1.npz",
                f"{FIT} RUN --teacher TEACHER1.keras --init BEGUN1/final_model.keras",
            ],
        ),
        (
            {"teachers": [{"sha256": "7"}, {}], "teachers_are_live": True, "init": MADE | {"sha256": "7"}},
            [
                f"{FIT} BEGUN1",
                f"{FIT} RUN --teacher {BEGUN} --teacher TEACHER2.keras --init {BEGUN}",
            ],
        ),
        ({"init": {"sha256": "0"}}, [f"{FIT} RUN --init NETWORK.keras"]),
        (
            {"teachers": [{"sha256": "0"}, {}], "teachers_are_live": True, "init": {"sha256": "0"}},
            [f"{FIT} RUN --teacher NETWORK.keras --teacher TEACHER2.keras --init NETWORK.keras"],
        ),
    ],
)
def test_the_card_says_the_commands_that_trained_it(made: dict[str, Any], says: list[str]) -> None:
    assert _fits(MADE | made) == says


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("architecture.weights=/home/ana/vgg.h5", "architecture.weights=vgg.h5"),
        ('architecture.weights="/home/ana/vgg.h5"', "architecture.weights=vgg.h5"),
        ("seed=7", "seed=7"),
    ],
)
def test_no_folder_of_somebodys_machine_travels_with_a_model(change: str, told: str) -> None:
    assert without_folder(change) == told


def test_research_data_and_pretrained_weights_bring_their_terms() -> None:
    research = licence_note({"sources": ["custom:office", "fer2013"], "pretrained": None})
    assert research.endswith("custom:office, fer2013. For evaluation; not licensed for commercial use.")
    own = licence_note({"sources": ["custom:platform"], "pretrained": "ab"})
    assert "research" not in own
    assert own.endswith("whose terms hold, too.")


def test_the_card_says_which_aims_are_reached() -> None:
    table = _aim_table("fer7", {"fer2013_accuracy": 0.7199, "fer2013_as_company5_accuracy": 0.765, "ece": 0.041})
    assert table.splitlines()[2:] == [
        "| accuracy on FER-2013 rows, FER-2013's own labels | 0.7199 | >= 0.72 | missed |",
        "| summed into the company's classes: accuracy, FER-2013's own labels | 0.7650 | >= 0.765 | met |",
        "| expected calibration error, likewise, 15 bins | 0.0410 | <= 0.04 | missed |",
    ]
    assert _aim_table("company5", {}) == ""


@pytest.mark.parametrize("scheme", LABELS)
def test_every_aim_is_for_a_score_that_the_shipped_model_has(scheme: LabelScheme) -> None:
    folder = MODELS / ("stressvision" if scheme == "company5" else f"stressvision-{scheme}")
    scores = read_manifest((folder / "manifest.json").read_bytes()).scores["int8"]["test"]
    assert [aim for aim, _ in aimed(scheme, scores)] == list(AIMS[scheme])
    assert all(aim.score in SCORES for aim in AIMS[scheme])


def test_the_network_beside_the_shipped_model_is_the_one_that_it_was_made_of() -> None:
    folder = MODELS / "stressvision"
    made = read_manifest((folder / "manifest.json").read_bytes()).provenance
    assert made["float_files"] == {"network.keras": file_digest(folder / "network.keras")}
