"""The garbage collector, in a process that may import TensorFlow."""

import atexit
import gc
from typing import Final

EVERY: Final = 50_000
"""New objects between two looks; Python's own 700 has it look hundreds of times while TensorFlow is imported."""


def spare_imports() -> None:
    """Look for garbage seldom, and not at all at exit: most objects are of imports, and stay to the end."""
    gc.set_threshold(EVERY)
    atexit.register(gc.freeze)
