"""TensorBoard's log of a run: a point per epoch for each figure."""

import math
from pathlib import Path
from typing import Any


class Board:
    """Writes records of epochs to a folder; a run that goes on adds to what is there."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary import Writer

        self._writer = Writer(str(folder))  # its own, so that it serves every Keras backend

    def add(self, record: dict[str, Any]) -> None:
        """Add the finite figures of an epoch's record."""
        for name, value in record.items():
            if isinstance(value, int | float) and math.isfinite(value) and name not in ("epoch", "epochs"):
                self._writer.add_scalar(name, value, record["epoch"])
        self._writer.flush()
