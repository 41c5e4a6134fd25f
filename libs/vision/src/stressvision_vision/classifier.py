"""From a face crop to probabilities, by an INT8 model that proves to be the one its manifest describes."""

import ctypes
import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import InputSpec, Manifest, read_manifest

Runtime = Literal["litert", "tflite"]

RUNTIMES: Final[dict[Runtime, str]] = {
    "litert": "ai_edge_litert.interpreter",
    "tflite": "tflite_runtime.interpreter",
}
"""The interpreters that can run a model, the preferred one first."""

MANIFEST_NAME: Final = "manifest.json"


class ModelError(ValueError):
    """The model cannot be used: it is missing, altered, or not what its manifest says."""


class OutputError(RuntimeError):
    """The model ran but its output is no probability distribution."""


class Classifier:
    """A loaded model. Not thread-safe: an interpreter holds its tensors in place."""

    def __init__(
        self,
        path: str | Path,
        *,
        runtime: Runtime | None = None,
        num_threads: int = 1,
        delegate: Path | None = None,
    ) -> None:
        """Load the model folder or file at `path` with the manifest that lies beside it.

        `runtime` picks an interpreter; None takes the first installed one. `delegate` is the library of an
        accelerator, such as Coral's libedgetpu.so.1, tried here with a library that takes over nothing, never on the
        device itself. `ModelError` says what does not fit.
        """
        file, self.manifest = read_model(Path(path))
        self.runtime, interpreter = load_interpreter(runtime, file, num_threads, delegate)
        self._interpreter = interpreter
        self._input, self._output = _tensors(interpreter, self.manifest)
        spec = self.manifest.input
        self._shape = (spec.height, spec.width)
        self._batch = np.zeros((1, spec.height, spec.width, spec.channels), np.uint8)

    def probabilities(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one probability per label of the manifest, in its order, summing to 1, for a grey `face` crop.

        `face` is height x width of the manifest's input, uint8, as `preprocess.crop` makes it.
        """
        if face.shape != self._shape or face.dtype != np.uint8:
            raise ValueError(f"face is {face.dtype} of shape {face.shape}, the model takes uint8 of {self._shape}")
        self._batch[0] = face[:, :, None]
        self._interpreter.set_tensor(self._input["index"], self._batch)
        self._interpreter.invoke()
        return soften(self._dequantised(), self.manifest.temperature)

    def _dequantised(self) -> NDArray[np.float32]:
        raw: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])[0]
        scale, zero = self._output["quantization"]
        if not scale:
            return raw.astype(np.float32)
        # below half a step the integer output cannot tell a probability from none
        steps: NDArray[np.float32] = np.maximum(raw.astype(np.float32) - zero, 0.5)
        return steps * np.float32(scale)


def soften(probabilities: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Divide the log-probabilities by `temperature` and normalise over the last axis.

    `OutputError` when there is a NaN, an infinity, a negative value, or nothing above zero.
    """
    total = probabilities.sum(axis=-1, keepdims=True)
    if not np.isfinite(total).all() or (total <= 0).any() or (probabilities < 0).any():
        raise OutputError(f"model output is no probability distribution: {probabilities.tolist()}")
    powered: NDArray[np.float32] = np.power(probabilities / total, np.float32(1.0 / temperature))
    # a temperature of almost nothing leaves nothing to divide by
    with np.errstate(invalid="ignore"):
        softened: NDArray[np.float32] = powered / powered.sum(axis=-1, keepdims=True)
    if not np.isfinite(softened).all():
        raise OutputError(f"at temperature {temperature} the model's output is no probability distribution")
    return softened


def read_model(path: Path) -> tuple[Path, Manifest]:
    """Return the model file at `path` (its folder or itself) and its manifest, once size and SHA-256 agree."""
    folder = path if path.is_dir() else path.parent
    try:
        manifest = read_manifest((folder / MANIFEST_NAME).read_bytes())
    except OSError as error:
        raise ModelError(f"{folder / MANIFEST_NAME}: {error.strerror}; a model needs its manifest beside it") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ModelError(f"{folder / MANIFEST_NAME}: {error}") from error
    if Path(manifest.file).name != manifest.file:
        raise ModelError(f"{folder / MANIFEST_NAME}: `file` must be a bare file name, is {manifest.file!r}")
    file = folder / manifest.file
    if not path.is_dir() and path.name != manifest.file:
        raise ModelError(f"{path} is not the file that its manifest describes ({manifest.file})")
    _verify(file, manifest)
    return file, manifest


def _verify(file: Path, manifest: Manifest) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from error
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != manifest.size_bytes or digest != manifest.digest:
        raise ModelError(
            f"{file}: {len(content)} bytes with SHA-256 {digest}, the manifest says {manifest.size_bytes} bytes "
            f"with {manifest.digest}; fetch the model again"
        )


def load_interpreter(
    runtime: Runtime | None, file: Path, num_threads: int, delegate: Path | None = None
) -> tuple[Runtime, Any]:
    """Return the interpreter that has loaded `file`, ready to run, and which one it is; `ModelError` when none can."""
    wanted = [runtime] if runtime else list(RUNTIMES)
    for name in wanted:
        try:
            module = import_module(RUNTIMES[name])
        except ImportError:
            continue
        delegates = None if delegate is None else [_delegate(module, delegate)]
        try:
            interpreter = module.Interpreter(str(file), num_threads=num_threads, experimental_delegates=delegates)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            by = f" with {delegate}" if delegate else ""
            raise ModelError(f"{file}: {RUNTIMES[name]} cannot load it{by}: {error}") from error
        return name, interpreter
    raise ModelError(f"no interpreter for {file}: install {' or '.join(RUNTIMES[name] for name in wanted)}")


def _delegate(module: Any, library: Path) -> Any:
    try:
        # looked at first, for an interpreter that stumbles here leaves half a delegate, which fails again when it goes
        found = ctypes.CDLL(str(library))
    except OSError as error:
        raise ModelError(f"delegate {library}: cannot be loaded: {error}") from error
    if not hasattr(found, "tflite_plugin_create_delegate"):
        raise ModelError(f"delegate {library}: is no delegate, it has no function tflite_plugin_create_delegate")
    try:
        return module.load_delegate(str(library))
    except ValueError as error:
        said = str(error).strip()
        raise ModelError(f"delegate {library}: {said}; is the accelerator plugged in and its driver there?") from error


def _tensors(interpreter: Any, manifest: Manifest) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(f"{manifest.file} has {len(inputs)} inputs and {len(outputs)} outputs, one of each is needed")
    spec: InputSpec = manifest.input
    taken = (list(inputs[0]["shape"]), np.dtype(inputs[0]["dtype"]).name)
    stated = ([1, spec.height, spec.width, spec.channels], spec.dtype)
    if taken != stated:
        raise ModelError(f"{manifest.file} takes {taken}, the manifest says {stated}")
    if list(outputs[0]["shape"]) != [1, len(manifest.labels)]:
        raise ModelError(f"{manifest.file} gives {list(outputs[0]['shape'])}, the labels are {manifest.labels}")
    return inputs[0], outputs[0]
