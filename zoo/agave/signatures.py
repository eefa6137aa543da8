"""What an export of AGAVE serves."""

from __future__ import annotations

from typing import Dict

import tensorflow as tf

from tfgen.metrics import bits_per_dim

__all__ = ["agave_signatures"]


def agave_signatures(model) -> Dict[str, tf.types.experimental.GenericFunction]:
    """score, bound, sample, reconstruct and interpolate of an `AGAVE`.

    score has the terms of one sample of the bound (3.6), with always the same noise; bound the
    tighter bound of several samples. The others give images, and the auxiliary images f(z) that
    guided them, of as many levels.
    """
    images = tf.TensorSpec([None, *model.image_shape], tf.uint8, name="images")
    second = tf.TensorSpec([None, *model.image_shape], tf.uint8, name="second")
    count, steps, samples = (
        tf.TensorSpec([], tf.int32, name=name) for name in ("count", "steps", "samples")
    )
    seed = tf.TensorSpec([], tf.int64, name="seed")
    temperature = tf.TensorSpec([], tf.float32, name="temperature")

    def named(pictures):
        return {"images": pictures.images, "auxiliary_images": pictures.auxiliary}

    def with_bits(name, nats):
        return {name: nats, "bits_per_dim": bits_per_dim(nats, model.dimensions, 1.0)}

    @tf.function(input_signature=[images], autograph=False)
    def score(images):
        terms = model.bound_terms(images, 0)
        shown = {name: terms[name] for name in ("log_likelihood", "kl")}
        return {**with_bits("elbo", shown["log_likelihood"] - shown["kl"]), **shown}

    @tf.function(input_signature=[images, samples, seed], autograph=False)
    def bound(images, samples, seed):
        return with_bits("importance_bound", model.importance_bound(images, samples, seed))

    @tf.function(input_signature=[count, seed, temperature], autograph=False)
    def sample(count, seed, temperature):
        return named(model.pictures(count, seed, temperature))

    @tf.function(input_signature=[images, seed], autograph=False)
    def reconstruct(images, seed):
        return named(model.reconstruct(images, seed))

    @tf.function(input_signature=[images, second, steps, seed], autograph=False)
    def interpolate(images, second, steps, seed):
        return named(model.interpolate(images, second, steps, seed))

    return {
        "score": score,
        "bound": bound,
        "sample": sample,
        "reconstruct": reconstruct,
        "interpolate": interpolate,
    }
