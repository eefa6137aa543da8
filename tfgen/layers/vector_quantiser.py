"""Vectors replaced by the nearest of a codebook, which follows their averages."""

from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from tfgen.initialisation import initialising
from tfgen.randomness import Seed, as_seed

__all__ = ["Quantised", "VectorQuantiser"]


class Quantised(NamedTuple):
    """Vectors and their codes.

    Attributes:
      codes: int32 [..., ], the index of the nearest entry of the codebook.
      vectors: [..., D], these entries; their gradient goes to the vectors that were quantised.
      distance: [...], the squared distance of each vector to its entry, of which the gradient
        goes to the vector alone: the commitment loss, without its factor.
    """

    codes: tf.Tensor
    vectors: tf.Tensor
    distance: tf.Tensor


class VectorQuantiser(tf.keras.layers.Layer):
    """The nearest of K entries e_k of a codebook, which are moving averages of what they stand for.

        code(f) = argmin_k |f - e_k|^2,   vector = f + stop_gradient(e_code - f)

    Entries have no gradient. A training step with the n_k vectors of code k, of sum m_k, moves

        N_k <- decay N_k + (1 - decay) n_k,   M_k <- decay M_k + (1 - decay) m_k,   e_k = M_k / N_k

    over the global batch, and starts entries anew, at vectors of the batch, whose average count
    N_k has fallen below `restart_below`. Within `data_dependent_initialisation` all entries start
    at vectors of that batch.

    ```python
    quantiser = VectorQuantiser(codes=16, size=4)
    quantised = quantiser(tf.zeros([2, 5, 5, 4]))
    quantised.codes, quantised.vectors  # int32 [2, 5, 5], [2, 5, 5, 4]
    quantiser.lookup(quantised.codes)  # [2, 5, 5, 4]
    ```

    #### References
    [1]: A. van den Oord, O. Vinyals, K. Kavukcuoglu. Neural Discrete Representation Learning.
         NeurIPS 2017. Eq. 1 to 3; appendix A.1 for the averages.
    [2]: T. Lucas. Ph.D. thesis. Eqs. 2.69 to 2.71.
    """

    def __init__(
        self, codes: int, size: int, decay: float = 0.99, restart_below: float = 0.0, **kwargs
    ):
        """Makes the codebook.

        Args:
          codes: K.
          size: D.
          decay: of the averages, 0 or more and below 1.
          restart_below: average count in a batch below which an entry starts anew; 0 never does.
          **kwargs: name and dtype (or policy), as in every Keras layer.

        Raises:
          ValueError: there is nothing to choose from, or the decay is no decay.
        """
        super().__init__(autocast=False, **kwargs)
        if codes < 2 or not 0.0 <= decay < 1.0:
            raise ValueError(
                "A codebook has 2 codes or more and a decay of 0 or more, below 1; got "
                f"codes={codes} and decay={decay}."
            )
        self.codes = codes
        self.size = size
        self.decay = decay
        self.restart_below = restart_below
        entries = np.random.RandomState(0).normal(size=[codes, size])
        self.codebook = self._average("codebook", entries)
        self.counts = self._average("counts", np.ones([codes]))
        self.sums = self._average("sums", entries)
        self.built = True

    def call(self, inputs: tf.Tensor, training: bool = False, seed: Seed = 0) -> Quantised:
        """Replaces vectors [..., D]; in training, moves the codebook afterwards.

        Args:
          inputs: f.
          training: whether the codebook learns.
          seed: of the choice of vectors at which entries start anew.
        """
        inputs = tf.cast(inputs, tf.float32)
        flat = tf.reshape(inputs, [-1, self.size])
        if initialising():
            self._restart(flat, tf.ones([self.codes], tf.bool), seed)
        codes, entries = self._nearest(flat)
        if training:
            self._learn(tf.stop_gradient(flat), codes, seed)
        entries = tf.reshape(entries, tf.shape(inputs))
        entries = tf.stop_gradient(tf.ensure_shape(entries, inputs.shape))
        codes = tf.reshape(codes, tf.shape(inputs)[:-1])
        return Quantised(
            tf.ensure_shape(codes, inputs.shape[:-1]),
            inputs + tf.stop_gradient(entries - inputs),
            tf.reduce_sum(tf.square(inputs - entries), axis=-1),
        )

    def lookup(self, codes: tf.Tensor) -> tf.Tensor:
        """The entries of codes [...]: [..., D]."""
        return tf.gather(self.codebook, codes)

    def nearest(self, vectors: tf.Tensor) -> tf.Tensor:
        """The codes of vectors [..., D]: int32 [...]."""
        codes, _ = self._nearest(tf.reshape(vectors, [-1, self.size]))
        return tf.reshape(codes, tf.shape(vectors)[:-1])

    def _nearest(self, flat) -> Tuple[tf.Tensor, tf.Tensor]:
        # |f|^2 is the same for all entries.
        products = tf.matmul(flat, self.codebook, transpose_b=True)
        distances = tf.reduce_sum(tf.square(self.codebook), axis=-1) - 2.0 * products
        codes = tf.argmin(distances, axis=-1, output_type=tf.int32)
        return codes, tf.gather(self.codebook, codes)

    def _learn(self, flat, codes, seed):
        chosen = tf.one_hot(codes, self.codes)
        count = _over_replicas(tf.reduce_sum(chosen, 0))
        total = _over_replicas(tf.matmul(chosen, flat, transpose_a=True))
        self.counts.assign(self.decay * self.counts + (1.0 - self.decay) * count)
        self.sums.assign(self.decay * self.sums + (1.0 - self.decay) * total)
        if self.restart_below:
            self._restart(flat, self.counts < self.restart_below, seed)
        seen = self.counts[:, tf.newaxis]
        moved = self.sums / tf.maximum(seen, 1e-12)
        self.codebook.assign(tf.where(seen > 1e-12, moved, self.codebook))

    def _restart(self, flat, where, seed):
        """Entries start at vectors of the global batch, as if they had been seen once."""
        replica, rows = _replica(), tf.shape(flat)[0]
        count = 1 if replica is None else replica.num_replicas_in_sync
        places = tf.random.stateless_uniform(
            [self.codes], as_seed(seed), 0, rows * count, dtype=tf.int32
        )
        if replica is not None:
            places -= replica.replica_id_in_sync_group * rows
        vectors = tf.gather(flat, tf.clip_by_value(places, 0, rows - 1))
        here = (places >= 0) & (places < rows)
        vectors = _over_replicas(tf.where(here[:, tf.newaxis], vectors, tf.zeros_like(vectors)))
        where_rows = where[:, tf.newaxis]
        self.counts.assign(tf.where(where, tf.ones_like(self.counts), self.counts))
        self.sums.assign(tf.where(where_rows, vectors, self.sums))
        self.codebook.assign(tf.where(where_rows, vectors, self.codebook))

    def _average(self, name, values):
        return self.add_weight(
            name=name,
            shape=values.shape,
            initializer=tf.keras.initializers.Constant(values),
            trainable=False,
            experimental_autocast=False,
            aggregation=tf.VariableAggregation.MEAN,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "codes": self.codes,
            "size": self.size,
            "decay": self.decay,
            "restart_below": self.restart_below,
        }


def _replica():
    """The context of one of several replicas, or None."""
    replica = tf.distribute.get_replica_context()
    return None if replica is None or replica.num_replicas_in_sync == 1 else replica


def _over_replicas(value):
    replica = _replica()
    if replica is None:
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)
