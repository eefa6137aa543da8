"""Image flows as Keras models: bounds on the likelihood of discrete pixels, samples, latents."""

from __future__ import annotations

from typing import Dict, List, Sequence

import tensorflow as tf

from tfgen.bijectors import BijectorSequence
from tfgen.distributions import UniformDequantisation, VariationalDequantisation
from tfgen.initialisation import data_dependent_initialisation
from tfgen.losses import importance_bound
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, as_seed, fold_in
from tfgen.training import GenerativeModel
from zoo.flows.architectures import make_coupling, make_flow_distribution
from zoo.flows.config import FlowConfig

__all__ = ["ImageFlow"]


class ImageFlow(GenerativeModel):
    """NICE, Real NVP, Glow or Flow++ over images of discrete pixels.

        log P(x) >= E_q(u|x)[log p(x + u) - log q(u|x)]

    with the exact density p of a flow and uniform or variational dequantisation u. Batches have
    "image", uint8 [batch, H, W, C]. Objective terms: "elbo", the bound in nats of the discrete
    data; "bits_per_dim", the same in bits for each pixel and channel.

    ```python
    config = FlowConfig(image_size=8, channels=1, levels=2, steps=2, filters=8)
    model = ImageFlow(config)
    images = tf.zeros([5, 8, 8, 1], tf.uint8)
    model.elbo(images, seed=1)  # [5], nats
    model.sample(3, seed=1, temperature=0.7)  # uint8 [3, 8, 8, 1]
    latents = model.encode(images)  # [5, 4, 4, 2], [5, 2, 2, 8]
    model.decode(latents)  # images again
    ```

    Args:
      config: architecture and sizes.
      seed: of all noise in training, and of the rotations it starts from.

    #### References
    [1]: Dinh, Krueger, Bengio. NICE. 2014.
    [2]: Dinh, Sohl-Dickstein, Bengio. Density estimation using Real NVP. ICLR 2017.
    [3]: Kingma, Dhariwal. Glow. NeurIPS 2018.
    [4]: Ho, Chen, Srinivas, Duan, Abbeel. Flow++. ICML 2019.
    """

    def __init__(self, config: FlowConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.config = config
        self.density = make_flow_distribution(config, seed)
        self.dequantisation = _make_dequantisation(config)

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images, without padding."""
        side = self.config.image_size - 2 * self.config.padding
        return [side, side, self.config.channels]

    @property
    def dimensions(self) -> int:
        """Numbers in an image, without padding."""
        height, width, channels = self.image_shape
        return height * width * channels

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every ActNorm from a batch, so that its output is standardised."""
        with data_dependent_initialisation():
            self._bound_parts(batch["image"], fold_in(self.seed, "initialisation"), False)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        parts = self._bound_parts(batch["image"], self.noise_seed("noise", training), training)
        elbo = tf.add_n(parts)
        return {
            "loss": -elbo,
            "elbo": elbo,
            "bits_per_dim": bits_per_dim(elbo, self.dimensions, 1.0),
        }

    def elbo(self, images: tf.Tensor, seed: Seed = 0) -> tf.Tensor:
        """One draw of the bound on log P(x): uint8 [batch, H, W, C] -> nats [batch]."""
        return tf.add_n(self._bound_parts(images, seed, False))

    def elbo_parts(
        self, images: tf.Tensor, seed: Seed = 0, dropout: bool = False
    ) -> List[tf.Tensor]:
        """The share of every level in `elbo`, from the finest to the coarsest: a list of [batch].

        The log-density of variational noise, which no level has, is counted with the finest.
        `dropout` leaves the dropout of the networks on.
        """
        return self._bound_parts(images, seed, dropout)

    def importance_bound(self, images: tf.Tensor, samples: int, seed: Seed = 0) -> tf.Tensor:
        """log mean_k p(x + u_k) / q(u_k | x), a tighter bound: nats [batch]."""
        draws = tf.map_fn(
            lambda index: self.elbo(images, fold_in(seed, index)),
            tf.range(samples),
            fn_output_signature=tf.TensorSpec([None], tf.float32),
        )
        return importance_bound(draws)

    def encode(self, images: tf.Tensor) -> List[tf.Tensor]:
        """Latents of the middles of the pixels' intervals: uint8 [batch, H, W, C] -> a list."""
        return self.density.latents(self.to_pixels(images) + 0.5)

    def decode(self, latents: Sequence[tf.Tensor]) -> tf.Tensor:
        """Latents -> uint8 [batch, H, W, C]."""
        return self.to_images(self.density.from_latents(latents))

    def sample(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """uint8 [count, H, W, C]; `temperature` multiplies the priors' standard deviations."""
        pixels = self.density.sample(count, seed=as_seed(seed), temperature=temperature)
        return self.to_images(pixels)

    def interpolate(self, first: tf.Tensor, second: tf.Tensor, steps: int = 8) -> tf.Tensor:
        """Images on the line between the latents of two: uint8 [batch, steps, H, W, C]."""
        images = self.decode(self.latent_line(first, second, steps))
        return tf.reshape(images, [-1, steps, *self.image_shape])

    def latent_line(self, first: tf.Tensor, second: tf.Tensor, steps: int) -> List[tf.Tensor]:
        """Points (1 - a) z_A + a z_B, a = 0 .. 1: a list of [batch * steps, h, w, c]."""
        share = tf.linspace(0.0, 1.0, steps)[tf.newaxis, :, tf.newaxis, tf.newaxis, tf.newaxis]
        points = []
        for start, end in zip(self.encode(first), self.encode(second)):
            line = (1.0 - share) * start[:, tf.newaxis] + share * end[:, tf.newaxis]
            points.append(tf.reshape(line, [-1, *start.shape[1:]]))
        return points

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves; see each method for the meaning."""
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")
        second = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="second")
        count = tf.TensorSpec([], tf.int32, name="count")
        steps = tf.TensorSpec([], tf.int32, name="steps")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")
        side = [self.config.image_size, self.config.image_size, self.config.channels]
        latents = [
            tf.TensorSpec([None, *shape], tf.float32, name=f"latent_{index}")
            for index, shape in enumerate(self.density.flow.latent_shapes(side))
        ]

        @tf.function(input_signature=[images, seed], autograph=False)
        def log_prob(images, seed):
            bound = self.elbo(images, seed)
            return {"log_prob": bound, "bits_per_dim": bits_per_dim(bound, self.dimensions, 1.0)}

        @tf.function(input_signature=[count, seed, temperature], autograph=False)
        def sample(count, seed, temperature):
            return {"images": self.sample(count, seed, temperature)}

        @tf.function(input_signature=[images], autograph=False)
        def encode(images):
            return {f"latent_{index}": z for index, z in enumerate(self.encode(images))}

        @tf.function(input_signature=latents, autograph=False)
        def decode(*latents):
            return {"images": self.decode(latents)}

        @tf.function(input_signature=[images, second, steps], autograph=False)
        def interpolate(images, second, steps):
            return {"images": self.interpolate(images, second, steps)}

        return {
            "log_prob": log_prob,
            "sample": sample,
            "encode": encode,
            "decode": decode,
            "interpolate": interpolate,
        }

    def to_images(self, pixels: tf.Tensor) -> tf.Tensor:
        """Points of the density, [batch, H, W, C] -> uint8 images without padding."""
        edge = self.config.padding
        if edge:
            pixels = pixels[:, edge:-edge, edge:-edge]
        return tf.cast(tf.clip_by_value(tf.floor(pixels), 0.0, self.config.values - 1.0), tf.uint8)

    def to_pixels(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 images -> float32 pixels [batch, H, W, C] with the padding."""
        edge = self.config.padding
        pixels = tf.cast(images, tf.float32)
        return tf.pad(pixels, [[0, 0], [edge, edge], [edge, edge], [0, 0]]) if edge else pixels

    def _bound_parts(self, images, seed, training):
        pixels = self.to_pixels(images)
        noise, log_q = self.dequantisation.sample_and_log_prob(
            pixels, fold_in(seed, "dequantisation"), training
        )
        parts = self.density.log_prob_parts(
            pixels + noise, training=training, seed=fold_in(seed, "dropout")
        )
        return [parts[0] - log_q, *parts[1:]]


def _make_dequantisation(config):
    if config.dequantisation == "uniform":
        return UniformDequantisation()
    kind = "mixture_cdf" if config.coupling == "mixture_cdf" else "bounded_affine"
    coupling = make_coupling(config, kind, conditioning_size=config.channels)
    flow = [
        coupling(config.channels, split="checkerboard", swap=bool(step % 2))
        for step in range(config.dequantisation_steps)
    ]
    return VariationalDequantisation(BijectorSequence(flow), levels=config.values)
