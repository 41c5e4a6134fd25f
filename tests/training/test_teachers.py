"""Teachers that are asked about each varied face: what they say, what a student learns of it, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stressvision_training.architectures import build
from stressvision_training.architectures.network import load_network, logits_of, softmax
from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.fit import fit
from stressvision_training.fitting.recipe import Distillation, read_recipe
from stressvision_training.fitting.teachers import Teachers
from support.faces import write_fer2013
from support.recipes import small

pytestmark = pytest.mark.train

SIMPLE = Path(__file__).parents[2] / "training" / "recipes" / "simple-cnn.toml"
HEAD = '[[heads]]\nclasses = "fer7"\nlabels = "fer2013"'
TAUGHT = "[distillation]\nshare = 1.0\ntemperature = 1.0\n\n[augmentation]\nbrightness = 0.6"
HOW = Distillation(share=0.5, temperature=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with prepared data, a recipe, and two networks that were never trained."""
    import keras

    where = tmp_path_factory.mktemp("teachers")
    write_fer2013(where / "fer2013.csv", {"Training": 30, "PublicTest": 3})
    prepare(Preparation(fer2013=where / "fer2013.csv"), where / "data")
    (where / "small.toml").write_text(small(HEAD, top='select = "last"', more=TAUGHT))
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        build(read_recipe(where / "small.toml").architecture, ["fer7"]).save(where / f"{seed}.keras")
    _light_meter().save(where / "light.keras")
    return where


def _light_meter() -> Any:
    """A teacher that sees only how bright a face is, in seven steps from dark to bright."""
    import keras

    face = keras.Input((None, None, 1))
    light = keras.layers.GlobalAveragePooling2D()(face)
    steps = keras.layers.Dense(7, name="steps")
    meter = keras.Model(face, {"fer7": steps(light)})
    middles = np.linspace(30, 225, 7)
    steps.set_weights([middles[None] / 100, -(middles**2) / 200])  # least squares: the logit of the nearest is largest
    return meter


def _fit(folder: Path, out: Path, *teachers: str, changes: tuple[str, ...] = ("epochs=2",), **options: Any) -> str:
    said: list[dict[str, Any]] = []
    paths = [folder / f"{name}.keras" for name in teachers]
    fit(folder / "small.toml", folder / "data", out, said.append, changes=changes, teachers=paths, **options)
    return str(said[0]["says"])


@pytest.mark.parametrize(("policy", "near"), [("float32", 1e-5), ("mixed_bfloat16", 2e-2)])
def test_they_say_their_softened_mean_of_the_faces_they_are_shown(folder: Path, policy: str, near: float) -> None:
    files = [folder / "1.keras", folder / "2.keras"]
    faces = np.random.default_rng(0).integers(0, 256, (5, 48, 48), np.uint8)
    teachers = Teachers(files, read_recipe(folder / "small.toml", [f"precision={policy}"]), HOW)
    said = teachers.say(faces[..., None].astype(np.float32))["taught.fer7"]
    mean = np.mean([logits_of(load_network(file), faces, "fer7") for file in files], axis=0)
    assert said.dtype == np.float32
    assert np.allclose(said, softmax(mean / 2.0), atol=near)


def test_a_student_learns_what_they_say_of_the_varied_face(folder: Path, tmp_path: Path) -> None:
    says = _fit(folder, tmp_path / "run", "light", changes=("epochs=12",))
    assert says.endswith("learns from 1 teacher too, asked about each varied face")
    faces = read_dataset(folder / "data").part("train").images
    lit = np.concatenate([np.clip(faces * share, 0, 255) for share in (0.5, 0.75, 1.0, 1.3)]).astype(np.uint8)
    light, learnt = (
        logits_of(load_network(path), lit, "fer7").argmax(axis=1)
        for path in (folder / "light.keras", tmp_path / "run" / "final_model.keras")
    )
    assert len(set(light.tolist())) > 2  # one face would have one answer if it were asked about once
    assert np.abs(light - learnt).mean() < 0.5


def test_a_killed_run_ends_in_the_same_weights(folder: Path, tmp_path: Path) -> None:
    _fit(folder, tmp_path / "whole", "1", "2")
    paths, changes = [folder / "1.keras", folder / "2.keras"], ["epochs=2"]

    def until_second(record: dict[str, Any]) -> None:
        if record.get("epoch") == 2:
            raise KeyboardInterrupt

    killed = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        fit(folder / "small.toml", folder / "data", killed, until_second, changes=changes, teachers=paths)
    assert _fit(folder, killed, "1", "2") == "goes on after epoch 1"
    pairs = [load_network(tmp_path / run / "final_model.keras").get_weights() for run in ("whole", "killed")]
    assert all(np.array_equal(one, other) for one, other in zip(*pairs, strict=True))
    for others in ((), ("1",), ("2", "1")):
        with pytest.raises(SourceError, match="has other teachers"):
            _fit(folder, killed, *others)


def test_what_cannot_teach_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="give --lessons or --teacher"):
        _fit(folder, tmp_path / "run", "1", lessons=tmp_path / "lessons.npz")
    with pytest.raises(SourceError, match=r"1\.keras: the recipe has no \[distillation\]"):
        _fit(folder, tmp_path / "run", "1", changes=("distillation=",))
    (folder / "two.toml").write_text(small())
    with pytest.raises(SourceError, match=r"light\.keras: has no head for expressions9"):
        Teachers([folder / "light.keras"], read_recipe(folder / "two.toml"), HOW)
    build(read_recipe(SIMPLE).architecture, ["fer7"]).save(tmp_path / "fixed.keras")
    phased = read_recipe(folder / "small.toml", ["phases=[{until = 9, side = 32}, {until = 12, side = 48}]"])
    with pytest.raises(SourceError, match=r"fixed\.keras: takes faces of 48 pixels, the recipe has \[32, 48\]"):
        Teachers([tmp_path / "fixed.keras"], phased, HOW)
