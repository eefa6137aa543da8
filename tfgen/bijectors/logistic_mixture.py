"""The logit of a mixture of logistic distribution functions, and its inverse."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import tensorflow as tf

__all__ = ["inverse_mixture_logit", "mixture_logit"]

# What bisection alone needs from a bracket of any width; Newton steps rarely need ten.
_MAX_ITERATIONS = {tf.float32: 100, tf.float64: 200}
# A Newton step below this share of max(1, |y|) is the last one: its error is of second order.
_LAST_STEP = {tf.float32: 1e-6, tf.float64: 1e-10}


@tf.custom_gradient
def mixture_logit(
    y: tf.Tensor, logits: tf.Tensor, means: tf.Tensor, log_scales: tf.Tensor
) -> Tuple[tf.Tensor, tf.Tensor]:
    """F(y) = logit(u(y)) and log dF/dy, for the distribution function u of a logistic mixture.

        u(y) = sum_k pi_k sigmoid((y - mean_k) exp(-log_scale_k)),   pi = softmax(logits)
        F(y) = log u - log(1 - u)
        log dF/dy = log u'(y) - log u - log(1 - u)

    Computed throughout with logarithms of sums, the tails from the side on which they are small:
    both results are finite and precise for any finite arguments, also where u rounds to 0 or 1.
    F increases from -inf to inf, so it is a bijection of the line.

    ```python
    y, k = tf.constant([0.3, 1e4]), tf.zeros([2, 5])
    value, log_derivative = mixture_logit(y, k, k, k)  # five times the same component: the identity
    ```

    The gradient is written out: it keeps four tensors [..., K] where differentiating each
    operation would keep about twenty.

    Args:
      y: [...].
      logits, means, log_scales: [..., K], unnormalised log-weights, centres and log-scales.

    Returns:
      F and log dF/dy, [...].

    #### References
    [1]: J. Ho, X. Chen, A. Srinivas, Y. Duan, P. Abbeel. Flow++: Improving Flow-Based Generative
         Models with Variational Dequantization and Architecture Design. ICML 2019. Section 3.2.
    """
    # Mirrored about the first centre where y is below it: with z_k = sign d_k, the "upper" tail
    # is the small one when all components lie on one side.
    centred = y[..., tf.newaxis] - means
    sign = tf.where(centred[..., :1] >= 0, tf.ones([], y.dtype), -tf.ones([], y.dtype))
    slopes = tf.exp(-log_scales) * sign
    z = centred * slopes
    # log sigmoid(z) = min(z, 0) + log half and log sigmoid(-z) = -max(z, 0) + log half.
    half = tf.sigmoid(tf.abs(z))
    below = tf.minimum(z, 0.0)
    lower, lower_sum, log_lower = _exponentials(logits + below, half)
    upper_exponents, upper_max = _below_zero(logits - tf.maximum(z, 0.0))
    upper = tf.exp(upper_exponents) * half
    upper_sum = tf.reduce_sum(upper, axis=-1, keepdims=True)
    log_upper = upper_max + tf.math.log(upper_sum)
    # The density relative to the upper tail: sum_k q_k sigmoid(z_k) exp(-log_scale_k), where q
    # are the components' shares of that tail.
    density, density_sum, log_density = _exponentials(
        upper_exponents + below - log_scales, half * half
    )
    log_ratio = log_lower - log_upper
    value = tf.squeeze(sign * log_ratio, -1)
    log_derivative = tf.squeeze(
        log_density - tf.math.log(upper_sum) + tf.math.softplus(-log_ratio), -1
    )

    def gradient(value_upstream, log_derivative_upstream):
        value_upstream = value_upstream[..., tf.newaxis] * sign
        upstream = log_derivative_upstream[..., tf.newaxis]
        share = tf.sigmoid(log_ratio)  # of the lower tail in the total weight
        lower_part = lower * ((value_upstream - upstream * (1.0 - share)) / lower_sum)
        density_part = density * (upstream / density_sum)
        to_logits = (
            lower_part + upper * ((-value_upstream - upstream * share) / upper_sum) + density_part
        )
        to_z = lower_part + density_part - tf.sigmoid(z) * (to_logits + density_part)
        to_means = -to_z * slopes
        to_log_scales = -z * to_z - density_part
        return -tf.reduce_sum(to_means, axis=-1), to_logits, to_means, to_log_scales

    return (value, log_derivative), gradient


def inverse_mixture_logit(
    target: tf.Tensor, logits: tf.Tensor, means: tf.Tensor, log_scales: tf.Tensor
) -> tf.Tensor:
    """The y with F(y) = target, for the F of `mixture_logit`.

    By Newton's method on F, which is nearly linear in the tails, kept inside a bracket. Each
    component alone has its solution mean_k + target exp(log_scale_k); that of the mixture lies
    between the least and the largest of these, and their weighted mean is the first guess. A step
    that would leave the bracket, or is more than half as long as the one before it, is replaced
    by bisection. The loop ends when all entries are done: three to five evaluations of F at the
    start of a training, about ten later, a few more for components that are narrow and far apart.

    The result differentiates by the implicit function theorem, dy = (dtarget - dF) / F'(y), with
    one evaluation of F for the gradient and no memory of the loop. First derivatives only.

    Args:
      target: [...], any finite values, float32 or float64.
      logits, means, log_scales: [..., K], as in `mixture_logit`.

    Returns:
      y, [...], with |F(y) - target| at most about 1e-6 (1 + |target|) in float32 and 1e-13 in
      float64, or as near as neighbouring floating-point values of y allow.
    """

    @tf.custom_gradient
    def solve(target, logits, means, log_scales):
        constants = [tf.stop_gradient(value) for value in (target, logits, means, log_scales)]
        y = _find_root(*constants)

        def gradient(upstream):
            with tf.GradientTape() as tape:
                arguments = [y, logits, means, log_scales]
                tape.watch(arguments[1:])
                value, log_derivative = mixture_logit(*arguments)
            to_target = upstream * tf.exp(-log_derivative)
            to_parameters = tape.gradient(value, arguments[1:], output_gradients=-to_target)
            return [to_target, *to_parameters]

        return y, gradient

    return solve(target, logits, means, log_scales)


def _find_root(target, logits, means, log_scales):
    """The root by itself, without a gradient."""
    dtype = target.dtype
    epsilon = float(np.finfo(dtype.as_numpy_dtype).eps)
    scales = tf.exp(log_scales)
    # Not tf.nn.softmax, which takes five axes at most.
    log_weights, _ = _below_zero(logits)
    log_weights -= tf.math.log(tf.reduce_sum(tf.exp(log_weights), axis=-1, keepdims=True))
    weights = tf.exp(log_weights)
    difference = _difference_to(target, weights, log_weights, means, scales)
    solutions = means + target[..., tf.newaxis] * scales
    lower = tf.reduce_min(solutions, axis=-1)
    upper = tf.reduce_max(solutions, axis=-1)
    guess = tf.reduce_sum(weights * solutions, axis=-1)
    guess = tf.clip_by_value(guess, lower, upper)

    def unfinished(y, lower, upper, step_size, done):
        del y, lower, upper, step_size
        return tf.logical_not(tf.reduce_all(done))

    def iterate(y, lower, upper, step_size, done):
        residual, derivative = difference(y)
        lower = tf.where(residual <= 0, y, lower)
        upper = tf.where(residual >= 0, y, upper)
        newton = -residual / derivative
        # Comparisons with NaN are false: a step that is not finite is none.
        inside = (y + newton >= lower) & (y + newton <= upper)
        last_step = inside & (tf.abs(newton) <= _LAST_STEP[dtype] * tf.maximum(tf.abs(y), 1.0))
        width = 2 * epsilon * tf.maximum(tf.abs(lower), tf.abs(upper))
        solved = tf.logical_not(tf.abs(residual) > 4 * epsilon * (1.0 + tf.abs(target)))
        solved |= upper - lower <= width
        step = tf.where(
            last_step | (inside & (tf.abs(newton) <= 0.5 * step_size)),
            newton,
            0.5 * (upper - lower) + (lower - y),
        )
        step = tf.where(done | solved, tf.zeros_like(step), step)
        return y + step, lower, upper, tf.abs(step), done | solved | last_step

    state = (guess, lower, upper, upper - lower, tf.zeros_like(guess, tf.bool))
    return tf.while_loop(unfinished, iterate, state, maximum_iterations=_MAX_ITERATIONS[dtype])[0]


def _difference_to(target, weights, log_weights, means, scales):
    """A cheap y -> (F(y) - target, F'(y)), precise where F is within 70 of the target.

    Further away it has the right sign. The tail that is small at the root, and its target
    exp(-|target|), are both divided by that target, so that no logarithm of a sum is needed; with
    z = +-(y - mean) / scale that tail is, for target t and weights pi,

        exp(|t|) sum_k pi_k sigmoid(z_k) = sum_k 1 / (floor_k + odds_k)
        floor_k = exp(-|t|) / pi_k,   odds_k = floor_k exp(-z_k)

    and the other one is sum_k pi_k odds_k / (floor_k + odds_k).
    """
    one = tf.ones([], target.dtype)
    side = tf.where(target > 0, -one, one)
    slopes = side[..., tf.newaxis] / scales
    log_target = -tf.abs(target)
    log_floors = log_target[..., tf.newaxis] - log_weights
    # Powers of e that no sum, product or reciprocal of a few overflows or loses.
    floors = tf.exp(tf.clip_by_value(log_floors, -80.0, 80.0))
    small_target = tf.exp(log_target)

    def difference(y):
        z = (y[..., tf.newaxis] - means) * slopes
        odds = tf.exp(tf.minimum(log_floors - z, 80.0))
        weighted = 1.0 / (floors + odds)
        others = odds * weighted
        small = tf.reduce_sum(weighted, axis=-1)
        large = tf.reduce_sum(weights * others, axis=-1)
        density = tf.reduce_sum(slopes * weighted * others, axis=-1)
        return (
            side * tf.math.log(small / large),
            side * density * (1.0 / small + small_target / large),
        )

    return difference


def _below_zero(exponents):
    """Exponents with their largest subtracted, and that."""
    largest = tf.reduce_max(exponents, axis=-1, keepdims=True)
    return exponents - largest, largest


def _exponentials(exponents, factors):
    """factors * exp(exponents) up to a common factor, their sum, and the log of the true sum."""
    exponents, largest = _below_zero(exponents)
    terms = tf.exp(exponents) * factors
    total = tf.reduce_sum(terms, axis=-1, keepdims=True)
    return terms, total, largest + tf.math.log(total)
