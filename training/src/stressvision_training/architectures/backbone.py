"""A network of keras.applications as the first part of ours, whose weights may come from elsewhere."""

from typing import Any, Final

NAME: Final = "backbone"


def backbone(made: Any) -> Any:
    """Return the network `made` under our name, its normalisations in one kernel; weights and their order are kept."""
    import keras

    clone = keras.models.clone_model(made, clone_function=_fused)
    return keras.Model(clone.inputs[0], clone.outputs[0], name=NAME)


def _fused(layer: Any) -> Any:
    from keras import layers

    from stressvision_training.architectures.normalisation import FusedBatchNormalization

    kind = FusedBatchNormalization if isinstance(layer, layers.BatchNormalization) else type(layer)
    return kind.from_config(layer.get_config())


def backbone_of(network: Any) -> Any | None:
    """Return that part of a network, None when it was made without one."""
    return next((layer for layer in network.layers if layer.name == NAME), None)
