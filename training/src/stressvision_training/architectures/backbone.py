"""A network of keras.applications as the first part of ours, whose weights may come from elsewhere."""

from typing import Any, Final

NAME: Final = "backbone"
NONE: Final = "none"
"""The `weights` of a backbone that begins from scratch."""

FROM_SCRATCH: Final = {"kernel_initializer": "he_normal", "depthwise_initializer": "he_normal", "momentum": 0.97}
"""What is set in place of what keras.applications chose for weights that are loaded. With its kernels (Glorot's) the
signal dies on its way through VGG16 (He et al. 2015, section 2.2), and with its momentum of 0.999 a normalisation
still stands on its first guess after a thousand steps."""


def backbone(made: Any, weights: str) -> Any:
    """Return the network `made` under our name, its normalisations in one kernel; order and shape of weights are kept.

    Where `weights` are none it is made ready to learn from scratch.
    """
    import keras

    clone = keras.models.clone_model(made, clone_function=lambda layer: _remade(layer, from_scratch=weights == NONE))
    return keras.Model(clone.inputs[0], clone.outputs[0], name=NAME)


def _remade(layer: Any, *, from_scratch: bool) -> Any:
    from keras import layers

    from stressvision_training.architectures.normalisation import FusedBatchNormalization

    kind = FusedBatchNormalization if isinstance(layer, layers.BatchNormalization) else type(layer)
    config = layer.get_config()
    if from_scratch:
        config |= {name: value for name, value in FROM_SCRATCH.items() if name in config}
    return kind.from_config(config)


def backbone_of(network: Any) -> Any | None:
    """Return that part of a network, None when it was made without one."""
    return next((layer for layer in network.layers if layer.name == NAME), None)
