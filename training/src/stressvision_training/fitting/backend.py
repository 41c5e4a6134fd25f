"""What Keras runs on: how many threads it takes, and which numbers it computes with."""

import os
from pathlib import Path
from typing import Final

CPU_INFO: Final = Path("/proc/cpuinfo")
BFLOAT16: Final = frozenset({"amx_bf16", "avx512_bf16"})
"""With one of these flags a processor multiplies bfloat16; without, each number is widened and cut again."""


def limit_threads(threads: int) -> None:
    """Let TensorFlow take `threads` cores for an operation, and OpenCV the one that calls it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import cv2
    import keras

    cv2.setNumThreads(1)
    if keras.backend.backend() != "tensorflow":
        return  # the others take their own settings
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return  # TensorFlow is already running in this process and keeps the threads it has


def policy_of(precision: str) -> str:
    """Return Keras's name of a recipe's precision.

    `auto` is what is fastest here, beside float32: float16 on a GPU, bfloat16 on a processor with instructions for it,
    else nothing.
    """
    if precision != "auto":
        return precision
    from keras import distribution

    if distribution.list_devices("gpu"):
        return "mixed_float16"
    return "mixed_bfloat16" if multiplies_bfloat16() else "float32"


def multiplies_bfloat16() -> bool:
    """Return whether TensorFlow finds instructions for bfloat16 in this processor; the other backends use none."""
    import keras

    if keras.backend.backend() != "tensorflow" or not CPU_INFO.is_file():
        return False
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not BFLOAT16.isdisjoint(flags.split())
