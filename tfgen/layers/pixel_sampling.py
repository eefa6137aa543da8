"""Drawing images pixel by pixel from a causal network."""

from __future__ import annotations

from typing import Any, Callable, Optional

import tensorflow as tf

__all__ = ["sample_pixels", "sample_pixels_naively"]

# (outputs of the network at a pixel [B, P], noise of the pixel [B, N]) -> pixel [B, C].
Draw = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def sample_pixels(
    network: Any, draw: Draw, noise: tf.Tensor, conditioning: Optional[tf.Tensor] = None
) -> tf.Tensor:
    """Images drawn in the order of reading, each pixel from the network's outputs at it.

    Nothing is computed twice: a row of what depends on rows above alone once for the row, and one
    pixel of the rest for each pixel, from what the network keeps of the rows above and of the
    pixels to the left. The samples are those of `sample_pixels_naively`, up to the rounding of
    sums in another order.

    It is one graph with loops in it, for any batch and of a size that does not depend on the
    image's. Called eagerly it makes that graph each time: call it within a tf.function to do so
    once.

    ```python
    from tfgen.distributions import image_noise
    from tfgen.layers import PixelCNNPlusPlus

    network = PixelCNNPlusPlus(1, 1, filters=4, residual_layers=1, levels=1)

    def draw(logit, noise):  # black or white
        return tf.where(noise < tf.sigmoid(logit), 1.0, -1.0)

    sample_pixels(network, draw, image_noise(7, 3, [2, 4, 1]))  # [3, 2, 4, 1]
    ```

    Args:
      network: a `PixelCNNPlusPlus` or `GatedPixelCNN`, that is, a layer with
        steps(batch, height, width, conditioning) -> an object with initial(), start_row(...),
        pixel(...), put(...) and drawn_row(...).
      draw: makes a pixel, as the network takes it, of the outputs and the noise at it.
      noise: [B, H, W, N] with static H and W.
      conditioning: of the network, for the batch.

    Returns:
      [B, H, W, C], as the network takes images.
    """
    if tf.executing_eagerly():
        compiled = tf.function(
            lambda noise, given: sample_pixels(network, draw, noise, given), autograph=False
        )
        return compiled(noise, conditioning)
    batch, height, width = _sizes(noise)
    steps = network.steps(batch, height, width, conditioning)
    noise_of_pixels = tf.transpose(noise, [1, 2, 0, 3])

    def draw_row(row, image, row_state, pixel_state):
        row_state = steps.start_row(row, row_state, pixel_state)
        noise_of_row = noise_of_pixels[row]

        def draw_pixel(column, pixel_state):
            outputs, pixel_state = steps.pixel(row, column, row_state, pixel_state)
            pixel = draw(outputs, noise_of_row[column])
            return column + 1, steps.put(column, pixel, pixel_state)

        _, pixel_state = tf.while_loop(
            lambda column, _: column < width,
            draw_pixel,
            (0, pixel_state),
            maximum_iterations=width,
            parallel_iterations=1,
        )
        image = image.write(row, steps.drawn_row(pixel_state))
        return row + 1, image, row_state, pixel_state

    image = tf.TensorArray(tf.float32, height, element_shape=[width, None, network.input_size])
    _, image, _, _ = tf.while_loop(
        lambda row, *_: row < height,
        draw_row,
        (0, image, *steps.initial()),
        maximum_iterations=height,
        parallel_iterations=1,
    )
    result = tf.transpose(image.stack(), [2, 0, 1, 3])
    return tf.ensure_shape(result, [noise.shape[0], height, width, network.input_size])


def sample_pixels_naively(
    network: Any, draw: Draw, noise: tf.Tensor, conditioning: Optional[tf.Tensor] = None
) -> tf.Tensor:
    """What `sample_pixels` gives, by a pass of the whole network for every pixel.

    The reference that it is tested and measured against. See there for arguments and result.
    """
    batch, height, width = _sizes(noise)
    noise_of_pixels = tf.transpose(noise, [1, 2, 0, 3])
    size = network.input_size

    def draw_pixel(index, image):
        row, column = index // width, index % width
        outputs = network(image, conditioning=conditioning)[:, row, column]
        pixel = draw(outputs, noise_of_pixels[row, column])
        here = tf.range(height * width) == index
        here = tf.reshape(here, [1, height, width, 1])
        return index + 1, tf.where(here, pixel[:, tf.newaxis, tf.newaxis], image)

    image = tf.ensure_shape(
        tf.zeros([batch, height, width, size]), [noise.shape[0], height, width, size]
    )
    _, image = tf.while_loop(
        lambda index, _: index < height * width,
        draw_pixel,
        (0, image),
        maximum_iterations=height * width,
        parallel_iterations=1,
    )
    return image


def _sizes(noise):
    batch, height, width = noise.shape[0] or tf.shape(noise)[0], *noise.shape[1:3]
    if height is None or width is None:
        raise ValueError(f"Images are drawn of a static size; got noise of shape {noise.shape}.")
    return batch, height, width
