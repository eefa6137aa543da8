"""Images of independent discretised logistics."""

from __future__ import annotations

import tensorflow as tf

from tfgen.distributions.discretised_bins import bin_log_mass, draw_level
from tfgen.distributions.discretised_images import DiscretisedImages

__all__ = ["DiscretisedLogistic"]


class DiscretisedLogistic(DiscretisedImages):
    """Integer images [H, W, C] whose entries are independent discretised logistics.

        P(x_i) = F((2 (x_i + 1) / L - 1 - mean_i) / s_i) - F((2 x_i / L - 1 - mean_i) / s_i)

    for levels x_i in 0 .. L - 1, with F(t) = 1 / (1 + exp(-t)), but 0 at the lower end of the
    first bin and 1 at the upper end of the last: the probabilities add up to one. A log-scale for
    each channel, [C], serves all pixels; any shape that broadcasts is right.

    The range of an image is [-1, 1] whatever L is: an image of fewer colours has wider bins and
    the same means. With c = 256 / L, this is Eq. 3.17 of [2] for a byte y of level floor(y / c),
    of mean 128 (mean + 1) and scale 128 s. That equation leaves out what lies beyond the edges,
    so that its masses add up to less than one; here the first and the last bin have it.

    ```python
    means = tf.zeros([5, 8, 8, 3])
    images = DiscretisedLogistic(means, log_scales=[-2.0, -2.0, -1.0], levels=16)
    x = images.sample(seed=7)  # int32 [5, 8, 8, 3], 0 .. 15
    images.log_prob(x)  # [5], nats
    images.sample(2, seed=7, temperature=0.5)  # [2, 5, 8, 8, 3]
    ```

    Values may be of any integer or float type; they are checked with `validate_args` alone.
    `temperature` multiplies the scales. Samples depend on the seed alone: inside a replica of a
    distribution strategy the noise of the global batch is drawn and the replica's share is taken.

    #### References
    [1]: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma. PixelCNN++. ICLR 2017. Section 2.1.
    [2]: T. Lucas. Ph.D. thesis. Eq. 3.17.
    """

    def __init__(
        self,
        means: tf.Tensor,
        log_scales: tf.Tensor,
        levels: int = 256,
        validate_args: bool = False,
        name: str = "DiscretisedLogistic",
    ):
        """Makes the distribution.

        Args:
          means: [..., H, W, C], in the range [-1, 1].
          log_scales: broadcasts to the means.
          levels: L, 2 to 65536.
          validate_args: whether values are checked to be levels.
          name: name of the distribution.

        Raises:
          ValueError: means of fewer than three axes, or a number of levels out of range.
        """
        parameters = dict(locals())
        self.means = tf.cast(means, tf.float32)
        self.log_scales = tf.cast(log_scales, tf.float32)
        if self.means.shape.rank is None or self.means.shape.rank < 3:
            raise ValueError(f"means are of images [..., H, W, C]; got {self.means.shape}.")
        channels = self.means.shape[-1]
        super().__init__(self.means, 0, levels, channels, validate_args, parameters, name)

    def entry_log_prob(self, value: tf.Tensor) -> tf.Tensor:
        """log P of every entry of images [..., H, W, C]: the same shape, nats."""
        value = tf.cast(value, tf.float32)
        return bin_log_mass(value, self.means, self.log_scales, self.levels)

    def from_noise(self, noise: tf.Tensor, temperature=1.0) -> tf.Tensor:
        """Images of noise that is uniform in (0, 1), [..., H, W, C] -> int32 of that shape."""
        drawn = draw_level(noise, self.means, self.log_scales, self.levels, temperature)
        return tf.cast(drawn, self.dtype)

    def _log_prob(self, value):
        return tf.reduce_sum(self.entry_log_prob(value), axis=[-3, -2, -1])
