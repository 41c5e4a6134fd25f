"""What Keras runs on: how many threads it takes, and which numbers it computes with."""

import os


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
    """Return Keras's name of a recipe's precision; `auto` is float16 beside float32 on a GPU, float32 without one."""
    if precision != "auto":
        return precision
    from keras import distribution

    return "mixed_float16" if distribution.list_devices("gpu") else "float32"
