"""Run a model in a process of its own: tflite-runtime cannot load where TensorFlow's symbols already are."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stressvision_vision.classifier import Classifier, Runtime
from stressvision_vision.preprocess import resize


def probabilities_in(runtime: Runtime, model: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return n x labels for n faces from the interpreter `runtime`; `RuntimeError` carries what the process said.

    Faces go there and answers come back through pipes: a file of faces would outlive an export that is killed.
    """
    command = [sys.executable, "-m", __name__, runtime, str(model)]
    done = subprocess.run(command, input=_coded(images), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{model} in {runtime}: {done.stderr.decode(errors='replace').strip()[-400:]}")
    found: NDArray[np.float32] = np.load(io.BytesIO(done.stdout))
    return found


def _coded(array: NDArray[np.uint8] | NDArray[np.float32]) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def _main(runtime: Runtime, model: str) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # what an interpreter prints is no answer
    faces = np.load(io.BytesIO(sys.stdin.buffer.read()))
    classifier = Classifier(model, runtime=runtime)
    fed = classifier.manifest.input
    given = np.stack([classifier.probabilities(resize(face, fed)) for face in faces])
    with os.fdopen(answers, "wb") as out:
        out.write(_coded(given))


if __name__ == "__main__":
    _main(*sys.argv[1:])  # type: ignore[arg-type]
