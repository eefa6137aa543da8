"""Bijectors one after the other."""

from __future__ import annotations

import functools
from typing import Sequence, Tuple

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector
from tfgen.randomness import fold_in

__all__ = ["BijectorSequence"]


class BijectorSequence(OnePassBijector):
    """A composition of bijectors, in the order in which data passes them.

        inverse (data -> latent):  x = f_n(... f_2(f_1(y)))     f_i = bijectors[i].inverse
        forward (latent -> data):  y = g_1(g_2(... g_n(x)))     g_i = bijectors[i].forward
        log |det| of either        the sum of those of the parts

    That is the order of tfb.Chain, and its result. The differences: `conditioning` and `training`
    go to every part, `seed` too, folded with the part's position, so that no two dropouts are the
    same; networks run once a call; and `recompute=True` trades time for memory.

    ```python
    from tfgen.bijectors import DoubleAffineCoupling

    bijector = BijectorSequence([DoubleAffineCoupling(6), DoubleAffineCoupling(6)])
    x, log_det = bijector.inverse_and_log_det(tf.zeros([3, 6]))  # [3, 6], [3]
    ```

    #### References
    [1]: T. Chen et al. Training Deep Nets with Sublinear Memory Cost. 2016.
    """

    def __init__(
        self,
        bijectors: Sequence[OnePassBijector],
        recompute: bool = False,
        validate_args: bool = False,
        name: str = "bijector_sequence",
    ):
        """Composes bijectors.

        Args:
          bijectors: one at least, all with the same number of event dimensions.
          recompute: forget the activations inside of each part and compute them again for the
            gradient; what is kept is the input of each part.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: no bijectors, or bijectors of different event dimensions.
        """
        bijectors = list(bijectors)
        if not bijectors:
            raise ValueError("A BijectorSequence has one bijector at least; got none.")
        ranks = [bijector.inverse_min_event_ndims for bijector in bijectors]
        if len(set(ranks)) > 1:
            raise ValueError(
                "The bijectors of a sequence act on events of the same rank; got ranks "
                + ", ".join(f"{b.name}: {rank}" for b, rank in zip(bijectors, ranks))
                + "."
            )
        dtypes = [bijector.dtype for bijector in bijectors if bijector.dtype is not None]
        super().__init__(
            forward_min_event_ndims=ranks[0],
            dtype=dtypes[0] if dtypes else None,
            validate_args=validate_args,
            name=name,
        )
        self.bijectors = bijectors
        self.recompute = recompute

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Latent -> data, and log |det dy / dx|."""
        return self._through("forward_and_log_det", x, conditioning, training, seed)

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Data -> latent, and log |det dx / dy|."""
        return self._through("inverse_and_log_det", y, conditioning, training, seed)

    def _through(self, direction, value, conditioning, training, seed):
        value, total = tf.convert_to_tensor(value), None
        parts = list(enumerate(self.bijectors))
        for position, bijector in parts if direction.startswith("inverse") else parts[::-1]:
            kwargs = {"training": training}
            if seed is not None:
                kwargs["seed"] = fold_in(seed, position)
            function = functools.partial(_call, getattr(bijector, direction), kwargs)
            if self.recompute:
                function = tf.recompute_grad(function)
            # Arguments rather than captured: what is recomputed has gradients for those alone.
            arguments = [value] if conditioning is None else [value, conditioning]
            value, log_det = function(*arguments)
            total = log_det if total is None else total + log_det
        return value, total

    def _forward_event_shape(self, shape):
        for bijector in reversed(self.bijectors):
            shape = bijector.forward_event_shape(shape)
        return shape

    def _inverse_event_shape(self, shape):
        for bijector in self.bijectors:
            shape = bijector.inverse_event_shape(shape)
        return shape

    def _forward_event_shape_tensor(self, shape):
        for bijector in reversed(self.bijectors):
            shape = bijector.forward_event_shape_tensor(shape)
        return shape

    def _inverse_event_shape_tensor(self, shape):
        for bijector in self.bijectors:
            shape = bijector.inverse_event_shape_tensor(shape)
        return shape


def _call(function, kwargs, value, *conditioning):
    return function(value, **dict(zip(["conditioning"], conditioning)), **kwargs)
