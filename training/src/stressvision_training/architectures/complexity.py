"""How large a network is: its parameters, and the multiplications of one look at one face."""

import math
from typing import Any


def macs(network: Any, side: int) -> int:
    """Return the multiply-accumulates of convolutions and dense layers for one face of `side` pixels.

    They are counted in TensorFlow's graph, so a layer that is used three times counts thrice. Normalisations,
    activations and additions, some hundredths of it, are not counted, as in the papers.
    """
    import tensorflow as tf

    face = tf.TensorSpec((1, side, side, network.input_shape[-1]), tf.float32)
    graph = tf.function(lambda x: network(x, training=False)).get_concrete_function(face).graph
    return sum(_multiplications(operation) for operation in graph.get_operations())


def _multiplications(operation: Any) -> int:
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        return 0
    made, weights = math.prod(operation.outputs[0].shape), operation.inputs[1].shape
    if operation.type == "MatMul":
        return int(made * weights[1 if operation.get_attr("transpose_b") else 0])
    taken = weights[0] * weights[1]
    return int(made * taken * (weights[2] if operation.type == "Conv2D" else 1))
