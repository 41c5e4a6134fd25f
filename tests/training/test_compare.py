"""Comparing: every figure beside the documents' own, what is missing as a dash, files that can be read again."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stressvision_training.cli import app
from stressvision_training.comparison.claims import middle, read_claims
from support.faces import write_custom, write_fer2013

RECIPES = Path(__file__).parents[2] / "training" / "recipes"
SHIPPED = Path(__file__).parents[2] / "models" / "stressvision"


def test_the_claims_are_the_documents() -> None:
    claims = {claim.recipe: claim for claim in read_claims()}
    assert {claim.document for claim in claims.values()} == {1, 2, 3, 4, 5}
    assert claims["simple-cnn"].accuracy == "0.5391"
    assert claims["vggface-finetune"].macro_f1 == "0.5554"
    assert all((RECIPES / f"{recipe}.toml").is_file() for recipe in claims)
    assert middle(claims["mobilenetv3-small"].accuracy) == pytest.approx(0.875)
    assert middle(claims["mobilenetv2"].accuracy) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data and a run of the simple CNN of one short epoch."""
    where = tmp_path_factory.mktemp("compare")
    write_fer2013(where / "fer2013.csv", {"Training": 20, "PublicTest": 4, "PrivateTest": 4})
    write_custom(where / "custom", people=12)
    sources = ["--fer2013", where / "fer2013.csv", "--ferplus", where / "fer2013new.csv", "--custom", where / "custom"]
    done = CliRunner().invoke(app, ["prepare", *map(str, sources), "--out", str(where / "data")])
    assert done.exit_code == 0, done.output
    _fit(where, "run", "epochs=1")
    return where


def _fit(folder: Path, out: str, *changes: str) -> None:
    recipe, sets = RECIPES / "simple-cnn.toml", [part for change in changes for part in ("--set", change)]
    options = ["fit", "--recipe", recipe, "--data", folder / "data", "--out", folder / out, "--json", *sets]
    done = CliRunner().invoke(app, list(map(str, options)))
    assert done.exit_code == 0, done.output


@pytest.mark.train
def test_a_run_without_int8_shows_dashes_beside_the_documents_figures(folder: Path) -> None:
    files = [folder / "results" / f"compare.{suffix}" for suffix in ("csv", "md", "png")]
    outs = [part for file in files for part in ("--out", file)]
    done = CliRunner().invoke(app, list(map(str, ["compare", folder / "run", *outs, "--json"])))
    assert done.exit_code == 0, done.output
    (line,) = json.loads(done.stdout.splitlines()[-1])
    assert (line["model"], line["scheme"], line["parameters"]) == ("simple-cnn", "fer7", 83_335)
    assert line["mmac"] == pytest.approx(11.34, abs=0.01)
    assert line["int8"] is None
    assert line["budget"] == "1 epochs, all rows, 48 px"
    assert line["taught"] == "fer7: fer2013"
    assert line["begins"] == "from scratch, no pretrained weights"
    rows = list(csv.DictReader(files[0].read_text().splitlines()))
    assert rows[0]["int8_accuracy"] == "-"
    assert next(row["float_accuracy"] for row in rows if row["document"] == "2") == "0.6936"
    table = files[1].read_text().splitlines()
    assert " / -" in table[2]
    assert "*document 3*" in table[3]
    assert "53.91%" in table[3]
    assert files[2].read_bytes().startswith(b"\x89PNG")


@pytest.mark.train
def test_an_exported_run_has_both(folder: Path) -> None:
    from stressvision_training.comparison.compare import compare

    whole = shutil.copytree(folder / "run", folder / "exported")
    options = ["export", whole, "--out", whole / "int8", "--labels", "fer7", "--json"]
    command = [sys.executable, "-m", "stressvision_training", *map(str, options)]
    exported = subprocess.run(command, capture_output=True, text=True, check=False)  # or TensorFlow keeps tflite out
    assert (whole / "int8" / "manifest.json").is_file(), exported.stderr
    (line,) = compare([whole], None, "test")
    assert line.int8 is not None
    assert line.whole is not None
    assert abs(line.int8.accuracy - line.whole.accuracy) < 0.1
    assert line.p50_ms is not None
    assert line.int8_bytes == (whole / "int8" / "model_int8.tflite").stat().st_size
    manifest = json.loads((whole / "int8" / "manifest.json").read_text())
    manifest["provenance"]["offsets"] = {"happy": 1000}
    (whole / "int8" / "manifest.json").write_text(json.dumps(manifest))
    (line,) = compare([whole], None, "test")
    assert line.whole is not None
    assert line.whole.ece == pytest.approx(1 - line.whole.accuracy), "happy, and sure of it"


@pytest.mark.train
def test_a_model_folder_is_judged_under_both_rules(folder: Path) -> None:
    from stressvision_training.comparison.compare import compare

    lines = compare([SHIPPED], folder / "data", "test")
    assert [line.judged_by.partition(":")[0] for line in lines] == ["own labels", "FER+ consensus"]
    assert all(line.whole is None and line.parameters is None and line.int8 is not None for line in lines)


@pytest.mark.train
@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["gone"], "is no run (experiment_config.json), no .keras network and no model with its manifest.json"),
        ([SHIPPED], "does not say which data to judge it on; give --data"),
        (["RUN", "--out", "table.txt"], "must end in one of .csv, .md, .png"),
        (["RUN", "--split", "other"], "no other rows"),
    ],
)
def test_what_cannot_be_compared_is_named(asked: list[str], says: str, folder: Path) -> None:
    paths = [folder / "run" if part == "RUN" else part for part in asked]
    done = CliRunner().invoke(app, list(map(str, ["compare", *paths])))
    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
