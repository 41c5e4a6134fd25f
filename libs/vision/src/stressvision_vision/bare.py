"""Run a TFLite file of another origin, which brings no manifest: what it takes is read from its tensors."""

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from stressvision_vision.classifier import ModelError, Runtime, load_interpreter

InputRange = Literal["grey", "unit", "signed"]

SPANS: Final[dict[InputRange, tuple[float, float]]] = {"grey": (0.0, 255.0), "unit": (0.0, 1.0), "signed": (-1.0, 1.0)}
"""What a model may want black and white to be."""


class BareModel:
    """A model of one picture in, one row of numbers out. `side` is the picture's height and width."""

    def __init__(
        self,
        path: Path,
        *,
        runtime: Runtime | None = None,
        num_threads: int = 1,
        input_range: InputRange | None = None,
    ) -> None:
        """`input_range` is what floats are fed, by default 0 to 1; an integer input says by its scale what it wants.

        `ModelError` when the file cannot be loaded, takes anything but one square picture, grey or of three channels,
        or wants grey levels in none of `SPANS`.
        """
        self.runtime, self._interpreter = load_interpreter(runtime, path, num_threads)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shape = list(inputs[0]["shape"])
        if len(inputs) != 1 or len(shape) != 4 or shape[0] != 1 or shape[1] != shape[2] or shape[3] not in (1, 3):
            raise ModelError(f"{path}: takes {[list(i['shape']) for i in inputs]}; 1 x side x side x 1 or 3 is needed")
        if len(outputs) != 1 or list(outputs[0]["shape"])[:-1] != [1]:
            raise ModelError(f"{path}: gives {[list(o['shape']) for o in outputs]}; 1 x labels is needed")
        self.side, self._channels = int(shape[1]), int(shape[3])
        self.outputs = int(outputs[0]["shape"][-1])
        self._input, self._output = inputs[0], outputs[0]
        whole = np.issubdtype(self._input["dtype"], np.integer)
        self.input_range: InputRange = _range_of(self._input, path) if whole else input_range or "unit"

    def answer(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the model gives for a grey `face` (side x side): `outputs` real numbers."""
        picture = np.repeat(face[None, :, :, None], self._channels, axis=3)
        self._interpreter.set_tensor(self._input["index"], self._quantised(in_range(picture, self.input_range)))
        self._interpreter.invoke()
        raw: NDArray[Any] = self._interpreter.get_tensor(self._output["index"])[0]
        scale, zero = self._output["quantization"]
        return (raw.astype(np.float32) - zero) * np.float32(scale) if scale else raw.astype(np.float32)

    def _quantised(self, picture: NDArray[np.float32]) -> NDArray[Any]:
        dtype = np.dtype(self._input["dtype"])
        scale, zero = self._input["quantization"]
        if not scale:
            return picture.astype(dtype)
        limits = np.iinfo(dtype)
        steps: NDArray[np.float32] = np.clip(np.round(picture / scale) + zero, limits.min, limits.max)
        return steps.astype(dtype)


def in_range(grey: NDArray[np.uint8], wanted: InputRange) -> NDArray[np.float32]:
    """Return grey levels as floats between the ends that `wanted` names."""
    low, high = SPANS[wanted]
    return grey.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)


def _range_of(tensor: Any, path: Path) -> InputRange:
    """Return the range of grey levels that an integer input stands for; without a scale it takes them as they are."""
    scale, zero = tensor["quantization"]
    if not scale:
        return "grey"
    limits = np.iinfo(tensor["dtype"])
    low, high = (limits.min - zero) * scale, (limits.max - zero) * scale
    if low > -high / 4 and (high > 16 or high < 1.5):  # the faces it was calibrated on may have missed the ends
        return "grey" if high > 16 else "unit"
    if low > -1.5 and high < 1.5:
        return "signed"
    raise ModelError(
        f"{path}: its input stands for {low:.4g} to {high:.4g}; grey levels of 0 to 255, 0 to 1 or -1 to 1 are "
        "needed, so keep any other normalisation within the graph"
    )
