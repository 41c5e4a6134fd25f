"""Run a TFLite file of another origin, which brings no manifest: what it takes is read from its tensors."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_vision.classifier import ModelError, Runtime, load_interpreter

UNIT_BELOW = 2.0
"""An integer input whose 256 steps span less than this was trained on grey levels of 0 to 1, not of 0 to 255."""


class BareModel:
    """A model of one picture in, one row of numbers out. `side` is the picture's height and width."""

    def __init__(
        self, path: Path, *, runtime: Runtime | None = None, num_threads: int = 1, unit_input: bool = False
    ) -> None:
        """`unit_input` feeds grey levels of 0 to 1; an integer input says by its scale which it wants.

        `ModelError` when the file cannot be loaded or takes anything but one square picture, grey or of three channels.
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
        scale, _ = self._input["quantization"]
        self.unit_input = scale * 255 < UNIT_BELOW if scale else unit_input

    def answer(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the model gives for a grey `face` (side x side): `outputs` real numbers."""
        picture = np.repeat(face[None, :, :, None], self._channels, axis=3).astype(np.float32)
        fed = self._quantised(picture / 255 if self.unit_input else picture)
        self._interpreter.set_tensor(self._input["index"], fed)
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
