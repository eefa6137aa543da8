"""PixelPyramids as a Keras model: exact likelihood, samples in few steps, super-resolution."""

from __future__ import annotations

import functools
from typing import Any, Dict, List, Optional

import tensorflow as tf

from tfgen.bijectors import PairedPyramid
from tfgen.codec import coding_signatures
from tfgen.initialisation import data_dependent_initialisation
from tfgen.metrics import bits_per_dim
from tfgen.randomness import Seed, example_uniform, fold_in
from tfgen.training import GenerativeModel
from zoo.pixelpyramids.coarsest import CoarsestImage
from zoo.pixelpyramids.coding import PyramidCoder
from zoo.pixelpyramids.config import PixelPyramidsConfig
from zoo.pixelpyramids.fine_level import FineLevel

__all__ = ["PixelPyramids"]


class PixelPyramids(GenerativeModel):
    """Images as a lossless pyramid, each level of which is distributed given the coarser image.

        p(I_0) = p(I_L) prod_{i=1}^{L} p(F_i | I_i)              Eq. 7.4

    for the coarse images I_i and fine components F_i of a `PairedPyramid`: p(F_i | I_i) is a
    `FineLevel`, and p(I_L), of 4x4 pixels, a PixelCNN++. The pyramid is a bijection of integers,
    so this is the exact probability of the discrete image. Batches have "image", uint8
    [batch, H, W, C] of values 0 .. 2^bits - 1. Objective terms: "log_prob" in nats and
    "bits_per_dim", of the trained levels; estimates of these, in validation too, where
    config.patch_size is set.

    ```python
    from zoo.pixelpyramids import CoarsestConfig

    config = PixelPyramidsConfig(
        image_size=8, channels=1, u_net_filters=4, features=4, filters=4, layers=1, components=2,
        coarsest=CoarsestConfig(filters=4, blocks=1, components=2),
    )
    model = PixelPyramids(config)
    images = tf.zeros([5, 8, 8, 1], tf.uint8)
    model.log_prob(images)  # [5], nats
    model.sample(3, seed=1, temperature=0.9)  # uint8 [3, 8, 8, 1]
    coarse, _ = model.pyramid.halve(images, level=1)  # [5, 4, 8, 1]
    model.super_resolve(coarse, seed=1)  # uint8 [5, 8, 8, 1], whose kept rows are coarse
    ```

    Args:
      config: architecture and sizes.
      seed: of all noise in training.
      coarsest: the model of the coarsest image, with `log_prob(images, training, seed)`,
        `sample(count, seed, temperature)` and `sequential_steps`; None makes a `CoarsestImage`.

    #### References
    [1]: S. Mahajan, S. Roth. PixelPyramids: Exact Inference Models from Lossless Image Pyramids.
         ICCV 2021.
    """

    def __init__(
        self,
        config: PixelPyramidsConfig,
        seed: Seed = 0,
        coarsest: Optional[Any] = None,
        **kwargs,
    ):
        super().__init__(seed=seed, **kwargs)
        config.validate()
        self.config = config
        self.pyramid = PairedPyramid(
            config.levels,
            bits=config.bits,
            kept=config.kept,
            modulo_difference=config.modulo_difference,
            shift=config.cyclic_shift,
        )
        self.levels = [
            FineLevel(config, level, name=f"level_{level}") for level in range(1, config.levels + 1)
        ]
        self.coarsest = CoarsestImage(config) if coarsest is None else coarsest

    @property
    def image_shape(self) -> List[int]:
        """[H, W, C] of the images."""
        return [self.config.image_size, self.config.image_size, self.config.channels]

    @property
    def dimensions(self) -> int:
        """Numbers in an image."""
        height, width, channels = self.image_shape
        return height * width * channels

    @property
    def sequential_steps(self) -> int:
        """Steps of a sample that wait for one another; U-Nets are not counted (Lemma 7.3.1)."""
        return self.coarsest.sequential_steps + sum(level.sequential_steps for level in self.levels)

    def initialise(self, batch: Dict[str, tf.Tensor]) -> None:
        """Fits the mixtures to the spread of each level of a batch, before any training."""
        coarse = batch["image"]
        for number, level in enumerate(self.levels, start=1):
            coarse, fine = self.pyramid.halve(coarse, number)
            if self.config.trained_level in (0, number):
                level.initialise(fine)
        if self.config.trained_level in (0, self.config.levels + 1):
            with data_dependent_initialisation():
                self.coarsest.log_prob(coarse)

    @tf.autograph.experimental.do_not_convert
    def objective(self, batch: Dict[str, tf.Tensor], training: bool) -> Dict[str, tf.Tensor]:
        chosen = self.config.trained_level
        numbers = [chosen] if chosen else range(1, self.config.levels + 2)
        seed = self.noise_seed("noise", training)
        log_prob = tf.add_n(self._parts(batch["image"], numbers, training, seed))
        return {
            "loss": -log_prob,
            "log_prob": log_prob,
            "bits_per_dim": bits_per_dim(log_prob, self.dimensions, 1.0),
        }

    def log_prob(self, images: tf.Tensor) -> tf.Tensor:
        """log p(I_0): uint8 [batch, H, W, C] -> nats [batch], exact.

        Raises:
          tf.errors.InvalidArgumentError: values of 2^bits or more.
        """
        return tf.add_n(self.log_prob_parts(images))

    def log_prob_parts(self, images: tf.Tensor) -> List[tf.Tensor]:
        """log p(F_1 | I_1), ..., log p(F_L | I_L), log p(I_L): L + 1 of [batch], nats."""
        return self._parts(images, range(1, self.config.levels + 2))

    @functools.cached_property
    def compiled_parts(self) -> tf.types.experimental.GenericFunction:
        """`log_prob_parts` in one graph, whatever the weights: uint8 images -> [batch, L + 1]."""
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")
        return tf.function(
            lambda images: tf.stack(self.log_prob_parts(images), -1),
            input_signature=[images],
            autograph=False,
        )

    def sample(self, count, seed: Seed = 0, temperature=1.0) -> tf.Tensor:
        """uint8 [count, H, W, C]; `temperature` is that of `PixelMixtures`."""
        coarsest = self.coarsest.sample(count, fold_in(seed, "coarsest"), temperature)
        return self._refine(
            tf.cast(coarsest, tf.uint8), range(self.config.levels, 0, -1), seed, temperature
        )

    def super_resolve(
        self,
        images: tf.Tensor,
        levels: Optional[int] = None,
        seed: Seed = 0,
        temperature=1.0,
    ) -> tf.Tensor:
        """Draws the finer levels of images: the given pixels stay as they are.

        Args:
          images: I_k, uint8 [batch, h, w, C], of the size of any level k = 1 .. L.
          levels: how many levels finer the result is, 1 .. k; None is k, the full size.
          seed: an int or a pair of ints.
          temperature: as in `sample`.

        Returns:
          uint8 [batch, h', w', C], I_{k - levels}.

        Raises:
          ValueError: the size is of no level, or there are not as many finer levels.
          tf.errors.InvalidArgumentError: values of 2^bits or more.
        """
        shapes = [[*shape, self.config.channels] for shape in self.config.level_shapes()]
        if list(images.shape[1:]) not in shapes:
            raise ValueError(
                f"super_resolve takes images [batch, h, w, C] with [h, w, C] one of {shapes}; "
                f"got shape {images.shape}."
            )
        start = shapes.index(list(images.shape[1:])) + 1
        levels = start if levels is None else levels
        if not 1 <= levels <= start:
            raise ValueError(
                f"Images of {images.shape[1]} x {images.shape[2]} pixels are level {start}, so "
                f"levels is 1 .. {start}; got {levels}."
            )
        numbers = range(start, start - levels, -1)
        images = self._in_range(tf.cast(images, tf.uint8))
        return self._refine(images, numbers, seed, temperature)

    def signatures(self) -> Dict[str, tf.types.experimental.GenericFunction]:
        """What an export serves; see each method for the meaning.

        super_resolve takes images of the size of any level to the full size. The signatures of
        `tfgen.codec` are there unless the coarsest image has a model of its own.
        """
        images = tf.TensorSpec([None, *self.image_shape], tf.uint8, name="images")
        channels = self.config.channels
        coarse = tf.TensorSpec([None, None, None, channels], tf.uint8, name="coarse_images")
        count = tf.TensorSpec([], tf.int32, name="count")
        seed = tf.TensorSpec([], tf.int64, name="seed")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")

        @tf.function(input_signature=[images], autograph=False)
        def log_prob(images):
            value = self.log_prob(images)
            return {"log_prob": value, "bits_per_dim": bits_per_dim(value, self.dimensions, 1.0)}

        @tf.function(input_signature=[count, seed, temperature], autograph=False)
        def sample(count, seed, temperature):
            return {"images": self.sample(count, seed, temperature)}

        @tf.function(input_signature=[coarse, seed, temperature], autograph=False)
        def super_resolve(coarse_images, seed, temperature):
            return {"images": self._super_resolve_any(coarse_images, seed, temperature)}

        served = {"log_prob": log_prob, "sample": sample, "super_resolve": super_resolve}
        if isinstance(self.coarsest, CoarsestImage):
            served.update(coding_signatures(PyramidCoder(self)))
        return served

    def _parts(self, images, numbers, training=False, seed=None):
        """log-probabilities of the levels of these numbers; L + 1 is the coarsest image.

        With a seed, of patches and of dropout, they are the estimates that a training uses.
        """
        coarse, parts = self._in_range(images), []
        statistics = self.config.as_released
        for number, level in enumerate(self.levels, start=1):
            coarse, fine = self.pyramid.halve(coarse, number)
            if number not in numbers:
                continue
            scale, patch = 1.0, [fine, coarse]
            patched = self.config.patch_size and number <= self.config.patch_levels
            if patched and seed is not None:
                patch, scale = self._patches(patch, fold_in(seed, number))
            parts.append(scale * level.log_prob(*patch, training, statistics))
        if self.config.levels + 1 in numbers:
            dropout = fold_in(seed, "coarsest") if training else None
            parts.append(self.coarsest.log_prob(coarse, training, dropout))
        return parts

    def _in_range(self, images):
        """The images, once they are known to have no more bits than the model: others would get a
        likelihood too, of what they are modulo 2^b.
        """
        values = self.config.values
        if values == 256:
            return images
        wanted = f"images of this model have values 0 .. {values - 1}; the largest that was given:"
        check = tf.debugging.assert_less(tf.reduce_max(images), tf.cast(values, tf.uint8), wanted)
        with tf.control_dependencies([check] if check is not None else []):
            return tf.identity(images)

    def _patches(self, maps, seed):
        """The same random patch of maps of one shape, and how many patches make up a map.

        All places are equally likely, so pixels near the edges of the map are drawn less often.
        """
        height, width, _ = maps[0].shape[1:]
        sides = [min(self.config.patch_size, size) for size in (height, width)]
        if sides == [height, width]:
            return maps, 1.0
        places = tf.constant([height - sides[0] + 1.0, width - sides[1] + 1.0])
        batch = maps[0].shape[0] or tf.shape(maps[0])[0]
        corners = tf.cast(tf.floor(example_uniform(seed, batch, [2]) * places), tf.int32)
        rows = corners[:, :1] + tf.range(sides[0])
        columns = corners[:, 1:] + tf.range(sides[1])

        def cut(map_):
            map_ = tf.gather(map_, rows, axis=1, batch_dims=1)
            return tf.gather(map_, columns, axis=2, batch_dims=1)

        return [cut(map_) for map_ in maps], (height * width) / (sides[0] * sides[1])

    def _refine(self, image, numbers, seed, temperature):
        """Draws the fine components of these levels, from coarse to fine, and joins them."""
        for number in numbers:
            fine = self.levels[number - 1].sample(
                image, fold_in(seed, number), temperature, self.config.as_released
            )
            image = self.pyramid.join(image, fine, number)
        return image

    def _super_resolve_any(self, images, seed, temperature):
        """`super_resolve` to the full size from a size that the graph learns when it runs.

        One copy of each level: where the images are of this level they enter, and levels above
        theirs do not run.
        """
        given = tf.shape(images)[1:3]
        shapes = self.config.level_shapes()
        known = [tf.reduce_all(given == shape) for shape in shapes]
        sizes = ", ".join(f"{height}x{width}" for height, width in shapes)
        check = tf.debugging.Assert(
            tf.reduce_any(known), [f"super_resolve takes images of {sizes}; got", given]
        )
        with tf.control_dependencies([check] if check is not None else []):
            images = self._in_range(images)
        coarse = tf.zeros([tf.shape(images)[0], *shapes[-1], self.config.channels], tf.uint8)
        begun = tf.constant(False)
        for number in range(self.config.levels, 0, -1):
            shape = [None, *shapes[number - 1], self.config.channels]
            here = known[number - 1]
            coarse = tf.cond(
                here,
                lambda shape=shape: tf.ensure_shape(images, shape),
                lambda coarse=coarse: coarse,
            )
            begun = begun | here

            def finer(number=number, coarse=coarse):
                return self._refine(coarse, [number], seed, temperature)

            def empty(number=number, coarse=coarse):
                return self.pyramid.join(coarse, tf.zeros_like(coarse), number)

            coarse = tf.cond(begun, finer, empty)
        return coarse
