"""The shipped model: what it says, that both interpreters say it, and what is refused before it runs."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from stressvision_contracts.labels import COMPANY5
from stressvision_vision.classifier import RUNTIMES, Classifier, ModelError, OutputError, read_model, soften
from stressvision_vision.preprocess import crop
from support.delegates import compiled_delegate

SHIPPED = Path(__file__).parents[2] / "models" / "stressvision"
ASTRONAUT = (177, 66, 97, 97)
"""The face in scikit-image's portrait, as OpenCV's cascade frames it."""

# tflite-runtime cannot load where TensorFlow already has, as it may have in this very process
CHILD = """
import sys, numpy as np
from stressvision_vision.classifier import Classifier
model = Classifier(sys.argv[1], runtime="tflite")
np.save(sys.argv[3], np.stack([model.probabilities(face) for face in np.load(sys.argv[2])]))
"""


def _faces() -> np.ndarray:
    """Return made-up faces, seeded noise, and one real portrait, n x 48 x 48."""
    rng = np.random.default_rng(2013)
    y, x = np.mgrid[0:48, 0:48]
    made = [np.full((48, 48), level, np.uint8) for level in (0, 128, 255)]
    for eyes in (12, 18):
        face = np.full((48, 48), 90, np.uint8)
        cv2.ellipse(face, (24, 24), (17, 22), 0, 0, 360, 190, -1)
        cv2.circle(face, (17, eyes), 3, 40, -1)
        cv2.circle(face, (31, eyes), 3, 40, -1)
        cv2.ellipse(face, (24, 34), (8, 4), 0, 0, 180, 60, 2)
        made.append(face)
    made.append(((x + y) * 2).astype(np.uint8))
    made += list(rng.integers(0, 256, (20, 48, 48), np.uint8))
    made += [cv2.GaussianBlur(noise, (0, 0), 3) for noise in rng.integers(0, 256, (20, 48, 48), np.uint8)]
    made.append(_astronaut())
    return np.stack(made)


def _astronaut() -> np.ndarray:
    spec = read_model(SHIPPED)[1].input
    return crop(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2GRAY), ASTRONAUT, spec)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the shipped model that a test may spoil."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def _edit(folder: Path, **changes: object) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_it_gives_one_distribution_over_the_company_labels() -> None:
    classifier = Classifier(SHIPPED)
    assert tuple(classifier.manifest.labels) == COMPANY5
    for face in _faces():
        probabilities = classifier.probabilities(face)
        assert probabilities.shape == (5,)
        assert probabilities.dtype == np.float32
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_the_astronaut_smiles() -> None:
    probabilities = Classifier(SHIPPED).probabilities(_astronaut())
    assert COMPANY5[int(probabilities.argmax())] == "happy"


def test_the_same_face_always_gets_the_same_answer() -> None:
    classifier = Classifier(SHIPPED)
    first = classifier.probabilities(_astronaut())
    classifier.probabilities(np.zeros((48, 48), np.uint8))
    assert np.array_equal(classifier.probabilities(_astronaut()), first)
    assert np.array_equal(Classifier(SHIPPED / "model_int8.tflite", num_threads=2).probabilities(_astronaut()), first)


@pytest.mark.skipif(importlib.util.find_spec("tflite_runtime") is None, reason="tflite-runtime has no wheel here")
def test_both_interpreters_agree(tmp_path: Path) -> None:
    faces = _faces()
    np.save(tmp_path / "faces.npy", faces)
    command = [sys.executable, "-c", CHILD, SHIPPED, tmp_path / "faces.npy", tmp_path / "answers.npy"]
    subprocess.run(list(map(str, command)), check=True)
    tflite = np.load(tmp_path / "answers.npy")
    litert = Classifier(SHIPPED, runtime="litert")
    ours = np.stack([litert.probabilities(face) for face in faces])
    # they round apart in every layer, and a temperature below 1 widens that where two labels are all but tied
    assert np.abs(ours - tflite).max() <= 0.15
    assert np.median(np.abs(ours - tflite).max(axis=1)) <= 0.05
    ranked = np.sort(ours, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 0.1
    assert (ours.argmax(axis=1) == tflite.argmax(axis=1))[clear].all()


DELEGATED = """
import sys, numpy as np
from pathlib import Path
from stressvision_vision.classifier import Classifier
face = np.full((48, 48), 100, np.uint8)
for runtime in sys.argv[3:]:
    plain, delegated = (Classifier(sys.argv[1], runtime=runtime, delegate=d) for d in (None, Path(sys.argv[2])))
    assert np.abs(plain.probabilities(face) - delegated.probabilities(face)).max() <= 0.1
"""


def test_a_delegate_is_taken_by_every_interpreter(tmp_path: Path) -> None:
    library = compiled_delegate(tmp_path, takes=True)
    runtimes = [name for name in ("litert", "tflite") if importlib.util.find_spec(RUNTIMES[name].split(".")[0])]
    command = [sys.executable, "-c", DELEGATED, SHIPPED, library, *runtimes]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Exception" not in done.stderr


def test_a_delegate_that_finds_no_accelerator_says_so(tmp_path: Path) -> None:
    library = compiled_delegate(tmp_path, takes=False)
    with pytest.raises(
        ModelError, match=r"libdelegate0\.so: (?s:.*)no accelerator found; is the accelerator plugged in"
    ):
        Classifier(SHIPPED, delegate=library)


def test_a_library_that_is_missing_or_no_delegate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for library, says in (
        (tmp_path / "gone.so", r"gone\.so: cannot be loaded: .*No such file"),
        (tmp_path / "text.so", r"text\.so: cannot be loaded: .*(file too short|invalid ELF header)"),
        (Path("libc.so.6"), r"libc\.so\.6: is no delegate, it has no function tflite_plugin_create_delegate"),
    ):
        with pytest.raises(ModelError, match=says):
            Classifier(SHIPPED, delegate=library)


def test_an_altered_file_is_refused(copied: Path) -> None:
    file = copied / "model_int8.tflite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        Classifier(copied)


def test_a_truncated_file_is_refused(copied: Path) -> None:
    file = copied / "model_int8.tflite"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ModelError, match="1000 bytes"):
        Classifier(copied)


def test_a_model_without_manifest_is_refused(copied: Path) -> None:
    (copied / "manifest.json").unlink()
    with pytest.raises(ModelError, match="needs its manifest beside it"):
        Classifier(copied / "model_int8.tflite")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": ["neutral", "sad", "stress", "happy", "fatigue"]}, "not those of the scheme"),
        ({"labels": list("abcdefg"), "label_scheme": "fer7"}, "not those of the scheme"),
        ({"input": {"height": 64, "width": 48, "channels": 1, "margin": 0.0}}, r"takes \(\[1, 48, 48, 1\]"),
        ({"temperature": 0.0}, "> 0.0 - at `.*temperature`"),
        ({"file": "../model_int8.tflite"}, "bare file name"),
        ({"file": "other.tflite"}, "No such file"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(copied: Path, changes: dict[str, object], says: str) -> None:
    _edit(copied, **changes)
    with pytest.raises(ModelError, match=says):
        Classifier(copied)


def test_a_file_that_is_no_model_is_refused(copied: Path) -> None:
    content = b"not a model" * 100
    (copied / "model_int8.tflite").write_bytes(content)
    _edit(copied, digest=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    with pytest.raises(ModelError, match="cannot load it"):
        Classifier(copied)


@pytest.mark.parametrize("face", [np.zeros((47, 48), np.uint8), np.zeros((48, 48), np.float32)])
def test_a_face_of_another_shape_is_refused(face: np.ndarray) -> None:
    with pytest.raises(ValueError, match="the model takes uint8 of"):
        Classifier(SHIPPED).probabilities(face)


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [-0.1, 1.1], [0.0, 0.0]])
def test_an_output_that_is_no_distribution_is_refused(bad: list[float]) -> None:
    with pytest.raises(OutputError, match="no probability distribution"):
        soften(np.array(bad, np.float32), 1.0)


def test_temperature_softens_and_keeps_the_order() -> None:
    given = np.array([0.7, 0.2, 0.1], np.float32)
    assert soften(given, 1.0) == pytest.approx(given)
    softer = soften(given, 2.0)
    assert softer[0] < 0.7
    assert list(np.argsort(softer)) == list(np.argsort(given))
    assert softer == pytest.approx(np.sqrt(given) / np.sqrt(given).sum(), abs=1e-6)
