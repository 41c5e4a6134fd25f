"""Run a model in a process of its own: tflite-runtime cannot load where TensorFlow's symbols already are."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stressvision_vision.classifier import Classifier, Runtime
from stressvision_vision.preprocess import resize


def probabilities_in(runtime: Runtime, model: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return n x labels for n faces from the interpreter `runtime`; `RuntimeError` carries what the process said."""
    with tempfile.TemporaryDirectory(prefix="stressvision-") as folder:
        faces, answers = Path(folder) / "faces.npy", Path(folder) / "answers.npy"
        np.save(faces, images)
        command = [sys.executable, "-m", __name__, runtime, str(model), str(faces), str(answers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{model} in {runtime}: {done.stderr.strip()[-400:]}")
        found: NDArray[np.float32] = np.load(answers)
    return found


def _main(runtime: Runtime, model: str, faces: str, answers: str) -> None:
    classifier = Classifier(model, runtime=runtime)
    fed = classifier.manifest.input
    np.save(answers, np.stack([classifier.probabilities(resize(face, fed)) for face in np.load(faces)]))


if __name__ == "__main__":
    _main(*sys.argv[1:])  # type: ignore[arg-type]
