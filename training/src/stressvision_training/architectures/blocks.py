"""Layers that several families are made of."""

from typing import Any, Literal

Activation = Literal["relu", "relu6"]


def normalised(x: Any, activation: Activation | None = "relu", gain: str = "ones") -> Any:
    """Return `x` after batch normalisation and, unless None, an activation."""
    from keras import layers

    from stressvision_training.architectures.normalisation import FusedBatchNormalization

    x = FusedBatchNormalization(momentum=0.97, gamma_initializer=gain)(x)
    return x if activation is None else layers.ReLU(6 if activation == "relu6" else None)(x)


def convolved(
    x: Any, filters: int, kernel: int = 3, stride: int = 1, activation: Activation | None = "relu", gain: str = "ones"
) -> Any:
    """Return `x` after a convolution without bias, batch normalisation whose scale begins as `gain`, and activation."""
    from keras import layers

    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    return normalised(layers.Conv2D(filters, kernel, stride, **options)(x), activation, gain)


def coloured(faces: Any) -> Any:
    """Return n x side x side x 3: a grey picture thrice, for networks that were made for colours."""
    from keras import layers

    return faces if faces.shape[-1] == 3 else layers.Concatenate(name="colours")([faces] * 3)
