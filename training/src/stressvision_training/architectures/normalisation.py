"""Batch normalisation in one kernel: Keras composes it of a dozen, which cost as much as the convolutions on a CPU."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable(package="stressvision")
class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]  # keras has no types
    """`keras.layers.BatchNormalization` over the last axis of images, its moving variance without Keras's bias.

    On another backend than TensorFlow it is Keras's own.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch's moments in training, else by the moving ones; all weights are float32."""
        if mask is not None or len(inputs.shape) != 4 or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        return self._fused(inputs, live=bool(training) and self.trainable)

    def _fused(self, inputs: Any, *, live: bool) -> Any:
        from tensorflow.compat.v1.nn import fused_batch_norm

        scale, offset = self.gamma.value, self.beta.value
        mean, variance = self.moving_mean, self.moving_variance
        if not live:
            moments = {"mean": mean.value, "variance": variance.value}
            return fused_batch_norm(inputs, scale, offset, epsilon=self.epsilon, is_training=False, **moments)[0]
        outputs, now_mean, now_variance = fused_batch_norm(inputs, scale, offset, epsilon=self.epsilon)
        for moving, now in ((mean, now_mean), (variance, now_variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs
