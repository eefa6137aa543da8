"""What the export of a VAE serves."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Sequence

import tensorflow as tf

from tfgen.metrics import bits_per_dim

__all__ = ["flat_latents", "make_signatures"]


def flat_latents(latents: Sequence[tf.Tensor]) -> tf.Tensor:
    """All latents of an image as one vector, from the top layer to the bottom: [B, Z]."""
    return tf.concat([tf.reshape(z, [tf.shape(z)[0], math.prod(z.shape[1:])]) for z in latents], 1)


def make_signatures(model: Any) -> Dict[str, tf.types.experimental.GenericFunction]:
    """The signatures of a VAE.

    score: images -> elbo = log_likelihood - kl, from one draw of seed 0, nats; and bits_per_dim.
    sample: count, seed, temperature -> images.
    encode: images -> mean [batch, Z], the middles of the posteriors of all latents, one after the
      other from the top layer.
    decode: latents [batch, Z] -> images, those of the means.
    reconstruct: images -> images.
    interpolate: images, second, steps -> images [batch, steps, H, W, C].

    A model whose decoded image is another one than the encoded has no score.

    Args:
      model: a `VAE`.
    """
    shapes = model.latent_shapes
    size = sum(math.prod(shape) for shape in shapes)
    images = tf.TensorSpec([None, *model.image_shape], tf.uint8, name="images")
    second = tf.TensorSpec([None, *model.image_shape], tf.uint8, name="second")
    latents = tf.TensorSpec([None, size], tf.float32, name="latents")
    count = tf.TensorSpec([], tf.int32, name="count")
    steps = tf.TensorSpec([], tf.int32, name="steps")
    seed = tf.TensorSpec([], tf.int64, name="seed")
    temperature = tf.TensorSpec([], tf.float32, name="temperature")

    @tf.function(input_signature=[images], autograph=False)
    def score(images):
        inference = model.infer(images, seed=0)
        log_likelihood = model.log_likelihood(inference.means, images, seed=0)
        elbo = log_likelihood - inference.total_kl
        return {
            "elbo": elbo,
            "log_likelihood": log_likelihood,
            "kl": inference.total_kl,
            "bits_per_dim": bits_per_dim(elbo, model.dimensions, 1.0),
        }

    @tf.function(input_signature=[count, seed, temperature], autograph=False)
    def sample(count, seed, temperature):
        return {"images": model.sample(count, seed, temperature)}

    @tf.function(input_signature=[images], autograph=False)
    def encode(images):
        return {"mean": flat_latents(model.infer(images, 0, temperature=0.0).latents)}

    @tf.function(input_signature=[latents], autograph=False)
    def decode(latents):
        return {"images": model.middle(_separate(latents, shapes))}

    @tf.function(input_signature=[images], autograph=False)
    def reconstruct(images):
        return {"images": model.reconstruct(images)}

    @tf.function(input_signature=[images, second, steps], autograph=False)
    def interpolate(images, second, steps):
        return {"images": model.interpolate(images, second, steps)}

    served = {
        "sample": sample,
        "encode": encode,
        "decode": decode,
        "reconstruct": reconstruct,
        "interpolate": interpolate,
    }
    return served if model.config.has_own_target else {"score": score, **served}


def _separate(vector: tf.Tensor, shapes: Sequence[Sequence[int]]) -> List[tf.Tensor]:
    parts = tf.split(vector, [math.prod(shape) for shape in shapes], axis=1)
    return [tf.reshape(part, [-1, *shape]) for part, shape in zip(parts, shapes)]
