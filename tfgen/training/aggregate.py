"""Densities fitted to the aggregate posterior of a frozen model."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data import Source, array_source
from tfgen.randomness import Seed, example_normal
from tfgen.training.compilation import compiled
from tfgen.training.fit import fit
from tfgen.training.generative_model import GenerativeModel
from tfgen.training.run_directory import RunDirectory
from tfgen.training.training_config import TrainingConfig

__all__ = ["AggregateFit", "encode_source", "fit_aggregate"]


def encode_source(
    model,
    source: Source,
    inputs: Sequence[str] = ("image",),
    keep: Sequence[str] = (),
    batch_size: int = 256,
    progress: bool = True,
) -> Source:
    """The posteriors of a whole source, computed once by a frozen model.

    Args:
      model: anything with encode(*inputs) -> a diagonal Gaussian over z [batch, latent] (a
        distribution with mean() and stddev(), exact for Gaussians alone). It is left untouched.
      source: of the examples.
      inputs: names of the features that encode takes, in order.
      keep: names of features that are carried along, such as the conditions of the density.
      batch_size: examples encoded at once.
      progress: show a progress bar.

    Returns:
      A source with "posterior_mean" and "posterior_scale", float32 [latent], and `keep`.

    Raises:
      ValueError: the source is without one of the features.
    """
    for name in (*inputs, *keep):
        if name not in source.features:
            raise ValueError(
                f"The source has no feature {name!r}; it has {sorted(source.features)}."
            )

    @tf.function(reduce_retracing=True, autograph=False)
    def encode(*values):
        posterior = model.encode(*values)
        return posterior.mean(), posterior.stddev()

    columns = {name: [] for name in ("posterior_mean", "posterior_scale", *keep)}
    bar = tf.keras.utils.Progbar(source.count, unit_name="image") if progress else None
    for batch in source.batches(batch_size):
        mean, scale = encode(*[batch[name] for name in inputs])
        row = {"posterior_mean": mean, "posterior_scale": scale}
        row.update({name: batch[name] for name in keep})
        for name, values in row.items():
            columns[name].append(values.numpy())
        if bar is not None:
            bar.add(len(columns["posterior_mean"][-1]))
    return array_source({name: np.concatenate(parts) for name, parts in columns.items()})


class AggregateFit(GenerativeModel):
    """Maximises E_{p_D(x,y)} E_{q(z|x)}[log q_phi(z|y)] with respect to phi alone.

    It equals minus E KL(q(z|x) || q^y(z)) - KL(q^y(z) || q_phi(z|y)) up to a constant, and only
    the second term depends on phi: the density moves to the aggregate of the posteriors. Without
    conditions it is a fit of the aggregate posterior q(z), a learned prior.

    Batches come from `encode_source`: "posterior_mean", "posterior_scale", and the conditions.
    Terms, nats per example: "log_q" = log q_phi(z|y); "kl" = its KL from q(z|x), one-sample.

    Args:
      density: a Keras layer or tfp distribution with log_prob(z, *conditions) -> [batch].
      conditions: names of the features that the density is conditioned on.
      seed: of the draws of z.

    #### References
    [1]: Cremer and Kushman 2018, Eqs. 4-5, 19 and Sec. 4.2.
    [2]: Hoffman and Johnson. ELBO surgery. 2016.
    """

    def __init__(
        self, density, conditions: Sequence[str] = (), seed: Seed = 0, name: Optional[str] = None
    ):
        super().__init__(seed=seed, name=name)
        self.density = density
        self.conditions = tuple(conditions)

    def objective(self, batch, training):
        mean, scale = batch["posterior_mean"], batch["posterior_scale"]
        noise = example_normal(
            self.noise_seed("posterior", training), tf.shape(mean)[0], mean.shape[1:]
        )
        z = mean + scale * noise
        log_q = self.density.log_prob(z, *[batch[name] for name in self.conditions])
        log_posterior = tf.reduce_sum(
            -0.5 * noise**2 - tf.math.log(scale) - 0.5 * np.log(2.0 * np.pi), -1
        )
        return {"loss": -log_q, "log_q": log_q, "kl": log_posterior - log_q}


def fit_aggregate(
    make_density: Callable[[], Any],
    encoded: Source,
    training: TrainingConfig,
    run: RunDirectory,
    phase: str,
    conditions: Sequence[str] = (),
    validation: Optional[Source] = None,
    seed: Seed = 0,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
) -> Any:
    """Fits a density to the aggregate posterior of any model with encode(), and leaves it alone.

    ```python
    class Noisy:  # stands for any model with encode()
        def encode(self, x):
            return tfd.MultivariateNormalDiag(x, 0.1 * tf.ones_like(x))

    source = array_source({"x": np.random.randn(64, 2).astype("float32")})
    encoded = encode_source(Noisy(), source, inputs=["x"], progress=False)
    training = TrainingConfig(steps=2, steps_per_epoch=2, batch_size=8)
    run = RunDirectory.create("runs", "example", training)
    prior = fit_aggregate(lambda: tfgen.distributions.CouplingFlow(2), encoded, training, run,
                          "aggregate_prior")
    z = prior.sample(4, seed=0)
    ```

    Args:
      make_density: makes a Keras layer or tfp distribution with
        log_prob(z, *conditions) -> [batch]; called in the strategy's scope.
      encoded: the posteriors of the training set, from `encode_source`.
      training: steps, batch size, learning rate.
      run: where checkpoints and curves go.
      phase: name of this fit within the run.
      conditions: features of `encoded` that the density is conditioned on.
      validation: encoded validation set.
      seed: of the order and of the draws of z.
      callbacks: more Keras callbacks.

    Returns:
      The fitted density.
    """
    model = compiled(
        lambda: AggregateFit(make_density(), conditions, seed=seed, name=phase), training
    )
    fit(model, encoded, training, run, phase, validation=validation, seed=seed, callbacks=callbacks)
    return model.density
