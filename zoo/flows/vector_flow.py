"""Flows of vectors: Real NVP, MAF and IAF, with or without a condition."""

from __future__ import annotations

import dataclasses
import functools
from typing import Dict, Literal, Optional, Tuple

import tensorflow as tf
import tensorflow_probability as tfp

from tfgen.bijectors import (
    ActNorm,
    AffineCoupling,
    BijectorSequence,
    MaskedAutoregressive,
    MixtureCDFCoupling,
    ReverseChannels,
)
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import DenseCouplingNetwork
from tfgen.randomness import Seed, as_seed, example_normal
from tfgen.training import Config, ConfigError, GenerativeModel

tfd = tfp.distributions

__all__ = ["VectorFlow", "VectorFlowConfig"]


@dataclasses.dataclass
class VectorFlowConfig(Config):
    """Architecture and sizes of a flow of vectors.

    Attributes:
      size: of the vectors.
      conditioning_size: of the condition; 0 is none.
      architecture: real_nvp (affine couplings), mixture_cdf (those of Flow++), maf (fast density)
        or iaf (fast samples).
      steps: bijectors with networks; each follows an ActNorm and is followed by a reversal.
      hidden_units: of each network.
      components: of mixture-CDF couplings.
    """

    size: int = 2
    conditioning_size: int = 0
    architecture: Literal["real_nvp", "mixture_cdf", "maf", "iaf"] = "real_nvp"
    steps: int = 8
    hidden_units: Tuple[int, ...] = (64, 64)
    components: int = 8

    def validate(self):
        """Raises ConfigError where there is nothing to transform."""
        super().validate()
        if self.size < 2 or self.steps < 1:
            raise ConfigError(
                f"size and steps: got {self.size} and {self.steps}; wanted 2 and 1 or more."
            )


class VectorFlow(GenerativeModel):
    """Density of vectors by a flow: log p(x | c) = log N(f(x; c); 0, I) + log |det df / dx|.

    Batches have "point", float32 [batch, size], and "condition" where there is one. Objective
    term, nats per example: "log_prob".

    ```python
    model = VectorFlow(VectorFlowConfig(size=2, steps=2, hidden_units=(8,)))
    model.log_prob(tf.zeros([3, 2]))  # [3], nats
    model.sample(5, seed=1)  # [5, 2]
    ```

    Args:
      config: architecture and sizes.
      seed: of the model.

    #### References
    [1]: Dinh, Sohl-Dickstein, Bengio. Density estimation using Real NVP. ICLR 2017.
    [2]: Papamakarios, Pavlakou, Murray. Masked Autoregressive Flow. NeurIPS 2017.
    [3]: Kingma et al. Improving Variational Inference with Inverse Autoregressive Flow. 2016.
    """

    def __init__(self, config: VectorFlowConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.config = config
        parts = []
        for _ in range(config.steps):
            parts += [
                ActNorm(config.size, event_ndims=1),
                _transformation(config),
                ReverseChannels(config.size, event_ndims=1),
            ]
        self.flow = BijectorSequence([*parts, ActNorm(config.size, event_ndims=1)])

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every ActNorm from a batch."""
        with data_dependent_initialisation():
            self.log_prob(batch["point"], batch.get("condition"))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        log_prob = self.log_prob(batch["point"], batch.get("condition"), training)
        return {"loss": -log_prob, "log_prob": log_prob}

    def log_prob(
        self, x: tf.Tensor, condition: Optional[tf.Tensor] = None, training: bool = False
    ) -> tf.Tensor:
        """x [batch, size] and a condition [batch, conditioning_size] -> nats [batch]."""
        z, log_det = self.flow.inverse_and_log_det(x, conditioning=condition, training=training)
        return self._base().log_prob(z) + log_det

    def sample(
        self,
        count,
        seed: Seed = 0,
        temperature=1.0,
        condition: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """[count, size]; with a condition [count, conditioning_size], one for each of its rows."""
        z = temperature * example_normal(as_seed(seed), count, [self.config.size])
        return self.flow.forward_and_log_det(z, conditioning=condition)[0]

    def encode(self, x: tf.Tensor, condition: Optional[tf.Tensor] = None) -> tf.Tensor:
        """x -> its latent, [batch, size] both."""
        return self.flow.inverse_and_log_det(x, conditioning=condition)[0]

    def decode(self, z: tf.Tensor, condition: Optional[tf.Tensor] = None) -> tf.Tensor:
        """Latent -> x, [batch, size] both."""
        return self.flow.forward_and_log_det(z, conditioning=condition)[0]

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves: log_prob and sample, with "condition" where there is one."""
        point = tf.TensorSpec([None, self.config.size], tf.float32, name="point")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")
        if not self.config.conditioning_size:
            count = tf.TensorSpec([], tf.int32, name="count")

            @tf.function(input_signature=[point], autograph=False)
            def log_prob(point):
                return {"log_prob": self.log_prob(point)}

            @tf.function(input_signature=[count, seed, temperature], autograph=False)
            def sample(count, seed, temperature):
                return {"point": self.sample(count, seed, temperature)}

            return {"log_prob": log_prob, "sample": sample}
        condition = tf.TensorSpec(
            [None, self.config.conditioning_size], tf.float32, name="condition"
        )

        @tf.function(input_signature=[point, condition], autograph=False)
        def conditional_log_prob(point, condition):
            return {"log_prob": self.log_prob(point, condition)}

        @tf.function(input_signature=[condition, seed, temperature], autograph=False)
        def conditional_sample(condition, seed, temperature):
            count = tf.shape(condition)[0]
            return {"point": self.sample(count, seed, temperature, condition)}

        return {"log_prob": conditional_log_prob, "sample": conditional_sample}

    def _base(self):
        return tfd.MultivariateNormalDiag(tf.zeros([self.config.size]))


def _transformation(config):
    conditioning = config.conditioning_size or None
    if config.architecture in ("maf", "iaf"):
        return MaskedAutoregressive(
            config.size,
            config.hidden_units,
            conditioning_size=conditioning,
            inverse=config.architecture == "iaf",
        )
    network = functools.partial(
        DenseCouplingNetwork, hidden_units=config.hidden_units, conditioning_size=conditioning
    )
    if config.architecture == "mixture_cdf":
        return MixtureCDFCoupling(config.size, network, components=config.components, event_ndims=1)
    return AffineCoupling(config.size, network, event_ndims=1, scale="exponential")
