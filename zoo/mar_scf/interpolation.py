"""Interpolation that stays where the model's latents are likely."""

from __future__ import annotations

from typing import List, Sequence

import tensorflow as tf

from zoo.flows import ImageFlow

__all__ = ["interpolation_objective", "project_latents", "projected_interpolation"]


def projected_interpolation(
    model: ImageFlow, first: tf.Tensor, second: tf.Tensor, steps: int = 8, **settings
) -> tf.Tensor:
    """Images between two, each point of the line between their latents moved to a likely one.

    Args:
      model: a trained flow.
      first, second: uint8 [batch, H, W, C].
      steps: images a row, the two ends included.
      **settings: of `project_latents`.

    Returns:
      uint8 [batch, steps, H, W, C].
    """
    line = model.latent_line(first, second, steps)
    ends = [tf.repeat(model.to_pixels(image), steps, axis=0) for image in (first, second)]
    images = model.decode(project_latents(model, line, ends, **settings))
    return tf.reshape(images, [-1, steps, *model.image_shape])


def project_latents(
    model: ImageFlow,
    line: Sequence[tf.Tensor],
    ends: Sequence[tf.Tensor],
    prior_weight: float = 0.3,
    image_weight: float = 0.3,
    iterations: int = 100,
    learning_rate: float = 5e-2,
) -> List[tf.Tensor]:
    """Moves points z of a line to where Eq. 6.13 of the thesis is low, by Adamax from z' = z:

        |z' - z|^2 - l1 log p(z') + l2 min(|f^{-1}(z') - x_A|^2, |f^{-1}(z') - x_B|^2)

    with Euclidean norms and images as fractions of their range; l1 = `prior_weight` and l2 =
    `image_weight`. Both 0 give the line itself. The thesis leaves the norms open. Only squared
    ones balance log p at the weights it names: beside a norm whose gradient has length 1, log p of
    some thousand dimensions, whose gradient is fifty times as long, takes every point to a mode.

    Args:
      model: a trained flow.
      line: latents of N points, a list of [N, h, w, c].
      ends: the pixels x_A and x_B of each point, [N, H, W, C] twice.
      prior_weight, image_weight: about equal and between 0.2 and 0.5 in the thesis.
      iterations, learning_rate: of Adamax.

    Returns:
      Latents, as `line`.

    #### References
    [1]: S. Mahajan. Ph.D. thesis. Eq. 6.13 and Sec. D.4.
    """
    latents = [tf.Variable(z) for z in line]
    optimizer = tf.keras.optimizers.Adamax(learning_rate)
    optimizer.build(latents)

    @tf.function(autograph=False)
    def improve():
        with tf.GradientTape() as tape:
            loss = interpolation_objective(model, latents, line, ends, prior_weight, image_weight)
        # The points do not know of one another: the sum's gradient is each one's own.
        optimizer.apply_gradients(zip(tape.gradient(loss, latents), latents))

    if prior_weight or image_weight:
        for _ in range(iterations):
            improve()
    return [variable.read_value() for variable in latents]


def interpolation_objective(
    model: ImageFlow,
    latents: List[tf.Tensor],
    line: List[tf.Tensor],
    ends: List[tf.Tensor],
    prior_weight: float,
    image_weight: float,
) -> tf.Tensor:
    """Eq. 6.13 for every point: latents, line: lists of [N, h, w, c]; ends: two [N, H, W, C] of
    pixels -> [N]."""
    pixels, log_prior = model.density.from_latents_and_log_prob(latents)
    distance = _square([a - b for a, b in zip(latents, line)])
    to_ends = [_square([(pixels - end) / model.config.values]) for end in ends]
    return distance - prior_weight * log_prior + image_weight * tf.minimum(*to_ends)


def _square(parts):
    """Squared Euclidean norm over all parts, [N]."""
    return tf.add_n([tf.reduce_sum(tf.square(part), [1, 2, 3]) for part in parts])
