"""Teachers: what they say is kept by row, refused for other data, and pulls a student towards them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from stressvision_contracts.labels import FER7
from stressvision_training.architectures import build
from stressvision_training.architectures.network import load_network, logits_of, softmax
from stressvision_training.data.dataset import Dataset, read_dataset
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.distillation import distilled, read_lessons, teach, with_lessons
from stressvision_training.fitting.recipe import Distillation, read_recipe
from stressvision_training.fitting.targets import head_loss
from support.faces import write_fer2013

RECIPE = Path(__file__).parents[2] / "training" / "recipes" / "simple-cnn.toml"
HOW = Distillation(share=0.25, temperature=2.0)

pytestmark = pytest.mark.train


def _prepare(where: Path, rows: int) -> Path:
    from stressvision_training.cli import app

    where.mkdir()
    write_fer2013(where / "fer2013.csv", {"Training": rows, "PublicTest": 2, "PrivateTest": 2})
    sources = ["prepare", "--fer2013", where / "fer2013.csv", "--labels", "fer7", "--out", where / "data"]
    done = CliRunner().invoke(app, list(map(str, sources)))
    assert done.exit_code == 0, done.output
    return where / "data"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _prepare(tmp_path_factory.mktemp("distillation") / "one", 8)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two networks that were never trained, each with opinions of its own."""
    import keras

    paths = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        paths.append(tmp_path_factory.mktemp("teachers") / f"{seed}.keras")
        build(read_recipe(RECIPE).architecture, ["fer7"]).save(paths[-1])
    return paths


def test_lessons_are_the_mean_over_teachers_and_mirror(data: Path, teachers: list[Path], tmp_path: Path) -> None:
    shares: list[float] = []
    teach(teachers, data, tmp_path / "lessons.npz", shares.append)
    found = read_lessons(tmp_path / "lessons.npz", read_dataset(data))
    faces = read_dataset(data).part("train").images
    views = [faces, np.ascontiguousarray(faces[:, :, ::-1])]
    said = [logits_of(load_network(path), view, "fer7") for path in teachers for view in views]
    assert np.allclose(found.logits["fer7"], np.mean(said, axis=0), atol=1e-5)
    assert len(found.teachers) == 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_row_gets_what_was_said_of_it(data: Path, teachers: list[Path], tmp_path: Path) -> None:
    lessons = teach(teachers, data, tmp_path / "lessons.npz")
    chosen = lessons.ids[[5, 1, 3]]
    expected = softmax(lessons.logits["fer7"][[5, 1, 3]] / 2.0)
    assert np.array_equal(lessons.of(chosen, HOW)["taught.fer7"], expected)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_bytes(b"PK not a zip"), "not a file of `stressvision-train teach`"),
        (lambda path: np.savez(path, images=np.zeros(3)), "not a file of `stressvision-train teach`"),
        (lambda path: path.unlink(), "No such file"),
    ],
)
def test_what_is_no_lessons_is_refused(
    spoil: Callable[[Path], Any], says: str, data: Path, teachers: list[Path], tmp_path: Path
) -> None:
    teach(teachers, data, tmp_path / "lessons.npz")
    spoil(tmp_path / "lessons.npz")
    with pytest.raises(SourceError, match=says):
        read_lessons(tmp_path / "lessons.npz", read_dataset(data))


def test_lessons_about_other_data_are_refused(data: Path, teachers: list[Path], tmp_path: Path) -> None:
    teach(teachers, data, tmp_path / "lessons.npz")
    other = _prepare(tmp_path / "other", 9)
    with pytest.raises(SourceError, match="asked about other data"):
        read_lessons(tmp_path / "lessons.npz", read_dataset(other))


def test_the_loss_is_of_both_in_their_shares() -> None:
    logits = np.array([[2.0, 0.0, -1.0]], np.float32)
    own = np.array([[1.0, 0.0, 0.0]], np.float32)
    taught = np.array([[0.2, 0.5, 0.3]], np.float32)
    both = with_lessons({"fer7": own, "taught.fer7": taught})["fer7"]
    soft = -(taught * np.log(softmax(logits / 2.0))).sum() * 4.0
    hard = -np.log(softmax(logits))[0, 0]
    assert float(distilled(head_loss, HOW)(both, logits)[0]) == pytest.approx(0.75 * hard + 0.25 * soft, rel=1e-5)


def test_a_student_comes_to_agree_with_its_teacher(data: Path, teachers: list[Path], tmp_path: Path) -> None:
    from stressvision_training.fitting.fit import fit

    dataset = read_dataset(data)
    part = dataset.part("train")
    labels = np.array([FER7.index(label) for label in part.labels.tolist()])
    opinion = (labels + 1) % 7  # what no label says
    _write(tmp_path / "lessons.npz", np.eye(7, dtype=np.float32)[opinion] * 9, dataset)
    changes = ["distillation.share=1.0", "distillation.temperature=1.0", "select=last", "stop_after="]
    changes += ["epochs=8", "batch=8", "threads=1", "augmentation.rotate_degrees=0.0"]
    fit(RECIPE, data, tmp_path / "run", changes=changes, lessons=tmp_path / "lessons.npz")
    student = logits_of(load_network(tmp_path / "run" / "final_model.keras"), part.images, "fer7").argmax(axis=1)
    assert (student == opinion).mean() > 0.8


def _write(path: Path, logits: NDArray[np.float32], dataset: Dataset) -> None:
    facts = json.dumps({"data": dataset.digests, "teachers": []})
    np.savez(path, facts=facts, ids=dataset.part("train").ids, fer7=logits)


def test_lessons_need_a_recipe_that_takes_them(data: Path, teachers: list[Path], tmp_path: Path) -> None:
    from stressvision_training.fitting.fit import fit

    teach(teachers, data, tmp_path / "lessons.npz")
    with pytest.raises(SourceError, match="no \\[distillation\\]"):
        fit(RECIPE, data, tmp_path / "run", lessons=tmp_path / "lessons.npz")
