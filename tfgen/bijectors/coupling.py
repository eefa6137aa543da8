"""What all couplings share: a split, a network on one part, and the other part transformed."""

from __future__ import annotations

from typing import Callable, Tuple

import tensorflow as tf

from tfgen.bijectors.one_pass import OnePassBijector

__all__ = ["Coupling"]


class Coupling(OnePassBijector):
    """Base class of couplings: one part of the variables tells how the other is transformed.

    With the variables split into a part "given" and a part "free",

        inverse (data -> latent):  [given, free] -> [given, T(free; network(given))]
        forward (latent -> data):  [given, free] -> [given, T^-1(free; network(given))]
        log |det| of either        sum over the free part of log |dT / d free|

    where T acts on each entry alone. Splits of vectors [..., C] and of images [B, H, W, C]:

        halves         channels 0 .. floor(C / 2) - 1 are given, the others free
        alternating    channels 0, 2, 4 .. are given, channels 1, 3, 5 .. free
        checkerboard   (images of even width) pixels with even row + column are given, those with
                       odd row + column free, all channels of both

    and with `swap=True` given and free are exchanged. All but "checkerboard" want two channels.
    In a checkerboard the network sees the whole image with zeros in place of the free pixels, and
    of its output those at free pixels count; T itself runs on the free pixels alone. So the
    network there has to reach neighbours, as convolutions do.

    A subclass calls `__init__` with the number of values that T takes for an entry, and writes
    `to_latent(y, raw)` and `to_data(x, raw)`.

    #### References
    [1]: L. Dinh, J. Sohl-Dickstein, S. Bengio. Density estimation using Real NVP. ICLR 2017.
         Sections 3.2 to 3.4.
    """

    def __init__(
        self,
        channels: int,
        make_network: Callable[[int, int], tf.keras.layers.Layer],
        values_per_entry: int,
        split: str = "halves",
        swap: bool = False,
        event_ndims: int = 3,
        dtype=tf.float32,
        validate_args: bool = False,
        name: str = "coupling",
    ):
        """Makes the network.

        Args:
          channels: C, the size of the last axis.
          make_network: (input size, output size) -> Keras layer with all its variables, that is
            called as network(given, conditioning=None, training=False, seed=None) and returns
            [..., output size]. Its last layer had better start at zero.
          values_per_entry: how many outputs of the network T takes for each free entry.
          split: "halves", "alternating" or "checkerboard".
          swap: exchanges the two parts.
          event_ndims: 3 for images, 1 for vectors.
          dtype: float32 or float64.
          validate_args: as in every tfb.Bijector.
          name: name of the bijector.

        Raises:
          ValueError: an unknown split, or one that such events do not have.
        """
        super().__init__(
            forward_min_event_ndims=event_ndims,
            dtype=tf.as_dtype(dtype),
            validate_args=validate_args,
            name=name,
        )
        if event_ndims not in (1, 3):
            raise ValueError(
                f"Couplings are of vectors, event_ndims=1, or images, event_ndims=3; got "
                f"{event_ndims}."
            )
        splits = {"halves": _Halves, "alternating": _Alternating, "checkerboard": _Checkerboard}
        if split not in splits:
            raise ValueError(f"split is one of {', '.join(splits)}; got {split!r}.")
        if split == "checkerboard" and event_ndims == 1:
            raise ValueError("Vectors have no checkerboard; take split='alternating'.")
        if split != "checkerboard" and channels < 2:
            raise ValueError(
                f"split={split!r} wants two channels or more; got {channels}. "
                "Images of one channel can be squeezed first, or split='checkerboard'."
            )
        self.channels = channels
        self.split = split
        self.swap = swap
        self._split = splits[split](channels, swap)
        self.free_channels = self._split.free_channels
        self.network = make_network(
            self._split.given_channels, values_per_entry * self.free_channels
        )

    def to_latent(self, y: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """T, and log |dT / dy|.

        Args:
          y: [..., free channels].
          raw: the network's outputs, [..., values_per_entry * free channels].

        Returns:
          x and log |dx / dy|, both like y.
        """
        raise NotImplementedError

    def to_data(self, x: tf.Tensor, raw: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
        """The inverse of `to_latent`: y and log |dy / dx|, both like x."""
        raise NotImplementedError

    def forward_and_log_det(
        self, x: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Latent -> data, like x, and log |det dy / dx|, without the event's axes."""
        return self._transform(self.to_data, x, conditioning, training, seed)

    def inverse_and_log_det(
        self, y: tf.Tensor, conditioning=None, training: bool = False, seed=None
    ) -> Tuple[tf.Tensor, tf.Tensor]:
        """Data -> latent, like y, and log |det dx / dy|, without the event's axes."""
        return self._transform(self.to_latent, y, conditioning, training, seed)

    def _transform(self, transform, value, conditioning, training, seed):
        value = tf.convert_to_tensor(value, self.dtype)
        if value.shape.rank is not None and value.shape[-1] not in (None, self.channels):
            raise ValueError(
                f"{self.name} transforms inputs with a last axis of {self.channels}; got shape "
                f"{value.shape}."
            )
        if conditioning is not None:
            conditioning = tf.cast(conditioning, self.dtype)
        given, free = self._split.split(value)
        raw = self.network(
            self._split.network_input(given),
            conditioning=conditioning,
            training=training,
            seed=seed,
        )
        raw = self._split.at_free(tf.cast(raw, self.dtype))
        free, log_det = transform(free, raw)
        if free.shape[:-1] != given.shape[:-1] and self.forward_min_event_ndims == 1:
            # The conditioning may have more leading axes than the vectors.
            given = tf.broadcast_to(given, [*_shape(free)[:-1], given.shape[-1]])
        axes = list(range(-self.forward_min_event_ndims, 0))
        return self._split.join(given, free), tf.reduce_sum(log_det, axis=axes)


class _Halves:
    """The first and the last channels."""

    def __init__(self, channels: int, swap: bool):
        self.swap = swap
        self.sizes = (channels // 2, channels - channels // 2)
        self.given_channels, self.free_channels = self.sizes[::-1] if swap else self.sizes

    def split(self, value):
        first, second = tf.split(value, self.sizes, axis=-1)
        return (second, first) if self.swap else (first, second)

    def join(self, given, free):
        return tf.concat([free, given] if self.swap else [given, free], axis=-1)

    def network_input(self, given):
        return given

    def at_free(self, raw):
        return raw


class _Alternating(_Halves):
    """Channels of even and of odd number."""

    def __init__(self, channels: int, swap: bool):
        super().__init__(channels, not swap)  # The even channels are the larger half.
        self.swap = swap

    def split(self, value):
        even, odd = value[..., ::2], value[..., 1::2]
        return (odd, even) if self.swap else (even, odd)

    def join(self, given, free):
        even, odd = (free, given) if self.swap else (given, free)
        pairs = odd.shape[-1]
        joined = tf.stack([even[..., :pairs], odd], axis=-1)
        joined = tf.reshape(joined, [*_shape(odd)[:-1], 2 * pairs])
        if even.shape[-1] > pairs:
            joined = tf.concat([joined, even[..., pairs:]], axis=-1)
        return joined


class _Checkerboard:
    """Pixels of the two colours of a checkerboard, each colour packed as [..., H, W / 2, C]."""

    def __init__(self, channels: int, swap: bool):
        self.given_channels = self.free_channels = channels
        self.swap = swap

    def split(self, value):
        height, width, channels = _shape(value)[-3:]
        if isinstance(width, int) and width % 2:
            raise ValueError(
                f"A checkerboard wants images of even width; got shape {value.shape}. Pad them, "
                "or split channels."
            )
        pairs = tf.reshape(value, [*_shape(value)[:-3], height, width // 2, 2, channels])
        left, right = pairs[..., 0, :], pairs[..., 1, :]
        even_row = self._even_rows(height)
        even, odd = tf.where(even_row, left, right), tf.where(even_row, right, left)
        return (odd, even) if self.swap else (even, odd)

    def join(self, given, free):
        even, odd = (free, given) if self.swap else (given, free)
        *batch, height, width, channels = _shape(given)
        even_row = self._even_rows(height)
        left, right = tf.where(even_row, even, odd), tf.where(even_row, odd, even)
        return tf.reshape(tf.stack([left, right], -2), [*batch, height, 2 * width, channels])

    def network_input(self, given):
        return self.join(given, tf.zeros_like(given))

    def at_free(self, raw):
        return self.split(raw)[1]

    @staticmethod
    def _even_rows(height):
        return tf.reshape(tf.range(height) % 2 == 0, [-1, 1, 1])


def _shape(tensor):
    """The shape as a list of ints and, where an axis is not static, scalars."""
    return [
        tf.shape(tensor)[axis] if size is None else size for axis, size in enumerate(tensor.shape)
    ]
