"""PixelCNN++ and the gated PixelCNN as Keras models: exact likelihoods, samples pixel by pixel."""

from __future__ import annotations

from typing import Dict, List, Optional

import tensorflow as tf

from tfgen.codec import coding_signatures
from tfgen.distributions import (
    DiscretisedLogisticMixture,
    image_noise,
    in_range,
    level_centres,
    mixture_channels,
    nearest_level,
    parameters_from_channels,
)
from tfgen.initialisation import data_dependent_initialisation
from tfgen.layers import GatedPixelCNN, PixelCNNPlusPlus, sample_pixels
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, as_seed
from tfgen.training import GenerativeModel
from zoo.pixelcnn.coding import PixelCNNCoder
from zoo.pixelcnn.config import PixelCNNConfig

__all__ = ["PixelCNN"]


class PixelCNN(GenerativeModel):
    """An autoregressive model of images: each pixel is a mixture of logistics given the earlier.

        P(x) = prod over pixels in the order of reading of P(x_ij | earlier pixels, c)

    with a `DiscretisedLogisticMixture` for a pixel, whose parameters are a network's outputs there:
    PixelCNN++ or the gated PixelCNN. c is nothing, a class, or an image of the same size.

    Batches have "image", uint8 [batch, H, W, C] of values 0 .. config.values - 1, and "label",
    integers [batch], with classes, or "conditioning", floats [batch, H, W, channels], with an
    image. Objective terms: "log_prob", exact, in nats of the discrete data; "bits_per_dim", the
    same in bits for each pixel and channel.

    ```python
    config = PixelCNNConfig(
        image_size=4, channels=1, filters=4, residual_layers=1, resolutions=1, mixtures=2
    )
    model = PixelCNN(config)
    images = tf.zeros([5, 4, 4, 1], tf.uint8)
    model.log_prob(images)  # [5], nats
    model.sample(3, seed=1, temperature=0.9)  # uint8 [3, 4, 4, 1]
    ```

    Args:
      config: architecture and sizes.
      seed: of the dropout in training.

    Raises:
      ConfigError: the sizes do not fit.

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017.
    [2]: A. van den Oord et al. Conditional Image Generation with PixelCNN Decoders. NeurIPS 2016.
    """

    def __init__(self, config: PixelCNNConfig, seed: Seed = 0, **kwargs):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.network = _make_network(config)
        # Called eagerly, samples come from this graph, which is made once.
        specs = [
            tf.TensorSpec([None, *self.image_shape[:2], config.mixtures + config.channels]),
            tf.TensorSpec([], tf.float32),
        ]
        given = self._conditioning_spec()
        if given is not None:
            specs.append(given)
        self._compiled_draw = tf.function(self._draw, input_signature=specs, autograph=False)

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images."""
        return [self.config.image_size, self.config.image_size, self.config.channels]

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        height, width, channels = self.image_shape
        return height * width * channels

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Sets every weight normalisation from a batch, so that its output is standardised."""
        with data_dependent_initialisation():
            self.distribution(batch["image"], self._given(batch))

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        seed = self.noise_seed("dropout", training)
        distribution = self.distribution(batch["image"], self._given(batch), training, seed)
        log_prob = distribution.log_prob(batch["image"])
        return {
            "loss": -log_prob,
            "log_prob": log_prob,
            "bits_per_dim": bits_per_dim(log_prob, self.dimensions, 1.0),
        }

    def distribution(
        self,
        images: tf.Tensor,
        conditioning: Optional[tf.Tensor] = None,
        training: bool = False,
        seed: Optional[tf.Tensor] = None,
    ) -> DiscretisedLogisticMixture:
        """The distributions of all pixels, each given the earlier ones of these images.

        Args:
          images: [batch, H, W, C], 0 .. values - 1.
          conditioning: integers [batch] or [batch, H, W, channels], where the model takes it.
          training, seed: of the dropout.

        Raises:
          tf.errors.InvalidArgumentError: pixels or classes are out of range.
        """
        outputs = self.network(
            level_centres(in_range("images", images, self.config.values), self.config.values),
            conditioning=self._known_classes(conditioning),
            training=training,
            seed=seed,
        )
        return self._mixture(outputs)

    def log_prob(self, images: tf.Tensor, conditioning: Optional[tf.Tensor] = None) -> tf.Tensor:
        """Exact log P(x), or log P(x | c): uint8 [batch, H, W, C] -> nats [batch].

        Raises:
          tf.errors.InvalidArgumentError: pixels or classes are out of range.
        """
        return self.distribution(images, conditioning).log_prob(images)

    def sample(
        self,
        count,
        seed: Seed = 0,
        temperature=1.0,
        conditioning: Optional[tf.Tensor] = None,
    ) -> tf.Tensor:
        """Images, pixel by pixel.

        Args:
          count: how many.
          seed: of the noise.
          temperature: of the mixtures, see `DiscretisedLogisticMixture`.
          conditioning: integers [count] or [count, H, W, channels]. A model of classes draws them
            in turn without: 0, 1, 2, ...

        Returns:
          uint8 [count, H, W, C].

        Raises:
          ValueError: a conditioning is missing, or not wanted.
          tf.errors.InvalidArgumentError: classes are out of range.
        """
        config = self.config
        if config.classes and conditioning is None:
            conditioning = tf.range(count) % config.classes
        shape = [*self.image_shape[:2], config.mixtures + config.channels]
        arguments = [image_noise(as_seed(seed), count, shape), tf.cast(temperature, tf.float32)]
        spec = self._conditioning_spec()
        if conditioning is not None and spec is not None:
            arguments.append(tf.cast(self._known_classes(conditioning), spec.dtype))
        elif conditioning is not None or spec is not None:
            wanted = "no conditioning" if spec is None else f"a conditioning {spec.shape}"
            got = "none" if conditioning is None else f"shape {tf.shape(conditioning)}"
            raise ValueError(f"Samples of this model take {wanted}; got {got}.")
        draw = self._compiled_draw if tf.executing_eagerly() else self._draw
        return draw(*arguments)

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves: log_prob, with labels or conditioning where taken, and sample.

        A model of classes has sample, which draws them in turn, and sample_classes of given
        labels; one of images has sample_given in place of sample, an image for each conditioning.
        One of neither has the signatures of `tfgen.codec`.
        """
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")
        count = tf.TensorSpec([], tf.int32, name="count")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")
        given = self._conditioning_spec()

        def scores(images, conditioning=None):
            log_prob = self.log_prob(images, conditioning)
            bits = bits_per_dim(log_prob, self.dimensions, 1.0)
            return {"log_prob": log_prob, "bits_per_dim": bits}

        def draw(given, seed, temperature):
            return {"images": self.sample(tf.shape(given)[0], seed, temperature, given)}

        @tf.function(input_signature=[count, seed, temperature], autograph=False)
        def sample(count, seed, temperature):
            return {"images": self.sample(count, seed, temperature)}

        if self.config.classes:

            @tf.function(input_signature=[images, given], autograph=False)
            def log_prob(images, labels):
                return scores(images, labels)

            @tf.function(input_signature=[given, seed, temperature], autograph=False)
            def sample_classes(labels, seed, temperature):
                return draw(labels, seed, temperature)

            return {"log_prob": log_prob, "sample": sample, "sample_classes": sample_classes}

        if self.config.conditioning_channels:

            @tf.function(input_signature=[images, given], autograph=False)
            def log_prob(images, conditioning):
                return scores(images, conditioning)

            @tf.function(input_signature=[given, seed, temperature], autograph=False)
            def sample_given(conditioning, seed, temperature):
                return draw(conditioning, seed, temperature)

            return {"log_prob": log_prob, "sample_given": sample_given}

        @tf.function(input_signature=[images], autograph=False)
        def log_prob(images):
            return scores(images)

        coder = PixelCNNCoder(
            self.network,
            self._mixture,
            lambda pixels: level_centres(pixels, self.config.values),
            self.config,
        )
        return {"log_prob": log_prob, "sample": sample, **coding_signatures(coder)}

    def _draw(self, noise, temperature, conditioning=None):
        def pixel(outputs, noise):
            mixture = self._mixture(outputs[:, tf.newaxis, tf.newaxis])
            drawn = mixture.from_noise(noise[:, tf.newaxis, tf.newaxis], temperature)
            return level_centres(drawn[:, 0, 0], self.config.values)

        points = sample_pixels(self.network, pixel, noise, conditioning)
        return nearest_level(points, self.config.values, tf.uint8)

    def _mixture(self, outputs):
        config = self.config
        parameters = parameters_from_channels(
            outputs, config.channels, config.mixtures, config.values
        )
        return DiscretisedLogisticMixture(**parameters, levels=config.values)

    def _given(self, batch):
        if self.config.classes:
            return batch["label"]
        return batch["conditioning"] if self.config.conditioning_channels else None

    def _known_classes(self, conditioning):
        if self.config.classes and conditioning is not None:
            return in_range("labels", conditioning, self.config.classes)
        return conditioning

    def _conditioning_spec(self):
        if self.config.classes:
            return tf.TensorSpec([None], tf.int32, name="labels")
        if self.config.conditioning_channels:
            shape = [None, *self.image_shape[:2], self.config.conditioning_channels]
            return tf.TensorSpec(shape, tf.float32, name="conditioning")
        return None


def _make_network(config: PixelCNNConfig) -> tf.keras.layers.Layer:
    settings = {
        "input_size": config.channels,
        "output_size": mixture_channels(config.channels, config.mixtures),
        "filters": config.filters,
        "classes": config.classes or None,
        "conditioning_size": config.conditioning_channels or None,
    }
    if config.architecture == "gated":
        return GatedPixelCNN(layers=config.layers, kernel_size=config.kernel_size, **settings)
    return PixelCNNPlusPlus(
        residual_layers=config.residual_layers,
        levels=config.resolutions,
        dropout=config.dropout,
        **settings,
    )
