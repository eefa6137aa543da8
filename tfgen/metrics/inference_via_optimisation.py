"""IvOM: how near a model can come to a real image."""

from __future__ import annotations

import math
from typing import Callable, NamedTuple, Optional

import tensorflow as tf
import tensorflow_probability as tfp

__all__ = ["ClosestImages", "inference_via_optimisation"]


class ClosestImages(NamedTuple):
    """What `inference_via_optimisation` returns.

    Attributes:
      distance: [N], mean squared error of the closest image found, over its numbers.
      codes: [N, D], the codes of those images.
      images: [N, ...], the images.
    """

    distance: tf.Tensor
    codes: tf.Tensor
    images: tf.Tensor


def inference_via_optimisation(
    generate: Callable[..., tf.Tensor],
    images: tf.Tensor,
    starts: tf.Tensor,
    condition: Optional[tf.Tensor] = None,
    iterations: int = 100,
    batch_size: int = 64,
) -> ClosestImages:
    """The closest image to each real one that a model can generate (IvOM).

        d(x) = min_z 1/size sum_i (generate(z)_i - x_i)^2

    by L-BFGS from several starts, the images of a batch at once; the best of the starts counts.
    A model that has lost modes cannot come near to the images there, whatever the code. The
    number is an upper bound of the minimum, and has the unit of the squared pixels: say which
    scale images had.

    For the images of a text, the condition is the text's part of the code, and z the noise of
    the conditional prior, so that starts are samples of N(0, I):

        generate(noise, shared) = decode([shared, flow(noise | shared)])

    ```python
    result = inference_via_optimisation(
        lambda z: tf.stack([z[:, 0], z[:, 0]], axis=1),
        images=tf.constant([[1.0, 3.0]]),
        starts=tf.zeros([1, 1, 1]),
    )
    result.distance, result.codes  # [1.0], [[2.0]]
    ```

    Args:
      generate: codes [B, D], and their rows of the condition where there is one, -> images
        [B, ...]: differentiable, the same for the same codes, and each image of its own code
        alone (batch norm in inference).
      images: [N, ...], real ones, on the scale of `generate`.
      starts: [R, N, D], R codes for each image to start from; 1 or more.
      condition: [N, ...], what `generate` is given beside codes.
      iterations: of L-BFGS, at most.
      batch_size: images at once.

    Returns:
      ClosestImages.

    Raises:
      ValueError: shapes do not fit.

    #### References
    [1]: A. Srivastava et al. VEEGAN: Reducing mode collapse in GANs using implicit variational
         learning. NeurIPS 2017. Section 4.2. (IvOM.)
    """
    images, starts = tf.convert_to_tensor(images), tf.convert_to_tensor(starts)
    if starts.shape.rank != 3 or 0 in starts.shape or starts.shape[1] != images.shape[0]:
        raise ValueError(
            "starts is [R, N, D], R codes to start from for each of N images; got "
            f"{starts.shape} for images {images.shape}."
        )
    given = [] if condition is None else [tf.convert_to_tensor(condition)]
    if given and given[0].shape[:1] != images.shape[:1]:
        raise ValueError(
            f"condition has a row for each image; got {given[0].shape} for {images.shape}."
        )
    # Outside of the graph: a Keras model makes its variables at the first call.
    shape = generate(starts[0, :1], *(tensor[:1] for tensor in given)).shape
    if shape[1:] != images.shape[1:]:
        raise ValueError(f"generate gives an image {shape[1:]} for a real one {images.shape[1:]}.")
    axes = list(range(1, images.shape.rank))

    # One graph for all batches, the last and smaller one, too.
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in (starts[0], images, *given)]

    @tf.function(input_signature=signature, autograph=False)
    def search(start, real, *condition):
        def error(codes):
            gaps = tf.cast(generate(codes, *condition), real.dtype) - real
            return tf.cast(tf.reduce_mean(tf.square(gaps), axis=axes), codes.dtype)

        found = tfp.optimizer.lbfgs_minimize(
            lambda codes: tfp.math.value_and_gradient(error, codes),
            start,
            max_iterations=iterations,
            tolerance=1e-6,
        )
        return found.position, error(found.position), error(start)

    parts = []
    for first in range(0, images.shape[0], batch_size):
        rows = slice(first, first + batch_size)
        condition_rows = [tensor[rows] for tensor in given]
        best_codes = starts[0, rows]
        best = tf.fill(best_codes.shape[:1], tf.constant(math.inf, starts.dtype))
        for start in tf.unstack(starts[:, rows]):
            codes, errors, start_errors = search(start, images[rows], *condition_rows)
            # Comparisons with NaN are false: a search that left the numbers is passed over.
            for candidate, value in ((start, start_errors), (codes, errors)):
                better = value < best
                best = tf.where(better, value, best)
                best_codes = tf.where(better[:, None], candidate, best_codes)
        parts.append((best, best_codes, generate(best_codes, *condition_rows)))
    return ClosestImages(*(tf.concat(values, axis=0) for values in zip(*parts)))
