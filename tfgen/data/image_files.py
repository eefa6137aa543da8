"""Image files on disk: checked before a run, then decoded, cropped and resized in the graph."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import io
import os
from typing import Optional, Sequence, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.errors import Problems

__all__ = ["ImageFiles", "check_image_files", "decode_image_file", "fit_image"]

_PLAIN_MODES = ("L", "RGB", "1", "P", "I;16", "I")
_UNBOUNDED_MODES = ("I", "F")
_EXIF_ORIENTATION = 0x0112
_MARKERS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND"}
"""First bytes of JPEG and PNG files -> the marker that ends them; some bytes may follow it."""
_TAIL = 4096
_PROGRESS_FROM = 2000
_FITS = ("crop", "stretch", "pad")


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """Image files that passed `check_image_files`, in random access.

    Attributes:
      paths: string [count].
      plain: bool [count]; TensorFlow's own decoder gives the right pixels. The others (rotated by
        EXIF, transparent, CMYK, neither PNG nor JPEG) are decoded by Pillow.
      kept: int [count]; position of each file in the sequence that was checked.
    """

    paths: np.ndarray
    plain: np.ndarray
    kept: np.ndarray

    def __len__(self) -> int:
        return len(self.paths)

    def loader(self, image_size: int, fit: str = "crop", crop: Optional[int] = None):
        """A function that reads images, made of graph ops and fit for `Source.load`.

        It maps integer indices [N] to uint8 [N, image_size, image_size, 3]. See `fit_image` for
        the arguments.
        """
        _check_fit(image_size, fit, crop)
        with tf.device("/cpu:0"):
            # As bytes: on Linux a name need not be UTF-8.
            paths = tf.constant([os.fsencode(path) for path in self.paths], tf.string)
            plain = tf.constant(self.plain)

        def load_one(index):
            image = decode_image_file(paths[index], plain[index])
            return fit_image(image, image_size, fit, crop)

        spec = tf.TensorSpec([image_size, image_size, 3], tf.uint8)
        return lambda indices: tf.map_fn(load_one, indices, fn_output_signature=spec)


def decode_image_file(path: tf.Tensor, plain: tf.Tensor) -> tf.Tensor:
    """Reads one image file as RGB; grey is repeated, palettes are looked up.

    Args:
      path: string [].
      plain: bool []; true leaves the decoding to TensorFlow. False turns the image as its EXIF
        orientation says and lays transparent pixels over white, which TensorFlow does not.

    Returns:
      uint8 [height, width, 3].
    """

    def by_tensorflow():
        return tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)

    def by_pillow():
        return tf.numpy_function(_decode_with_pillow, [path], tf.uint8, stateful=False)

    return tf.ensure_shape(tf.cond(plain, by_tensorflow, by_pillow), [None, None, 3])


def fit_image(
    image: tf.Tensor, image_size: int, fit: str = "crop", crop: Optional[int] = None
) -> tf.Tensor:
    """Brings an image to a square size, with the antialiased (triangle) filter.

    Args:
      image: uint8 [height, width, 3].
      image_size: side of the result, in pixels.
      fit: "crop" takes the central square, "stretch" ignores the aspect ratio, "pad" puts black
        bars at the two short sides.
      crop: with "crop", side of the central square in pixels of the file; None takes the largest.

    Returns:
      uint8 [image_size, image_size, 3].
    """
    _check_fit(image_size, fit, crop)
    shape = tf.shape(image)
    height, width = shape[0], shape[1]
    if fit == "crop":
        side = tf.minimum(height, width)
        if crop is not None:
            side = tf.minimum(side, crop)
        image = tf.image.crop_to_bounding_box(
            image, (height - side) // 2, (width - side) // 2, side, side
        )
    size = [image_size, image_size]
    if fit == "pad":
        resized = tf.image.resize_with_pad(image, *size, antialias=True)
    else:
        resized = tf.image.resize(image, size, antialias=True)
    resized = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(resized, [image_size, image_size, 3])


def check_image_files(
    paths: Sequence[str],
    problems: Problems,
    *,
    check: str = "decode",
    expected_size: Optional[Tuple[int, int]] = None,
    smallest_side: int = 1,
) -> ImageFiles:
    """Looks at every image file before a run starts, so that none of them stops it later.

    Args:
      paths: file names.
      problems: gets one entry for each file that cannot be used. Whether these are too many says
        `problems.settle`, which the caller calls.
      check: "decode" decodes every file with the decoder that the run will use; "header" reads the
        first and the last bytes: it finds missing, empty, cut-off and non-image files several
        times faster, but no damage inside.
      expected_size: (height, width) that every file must have, in pixels; None allows any.
      smallest_side: pixels that the shorter side of every image must have at least.

    Returns:
      The good files, in the given order.
    """
    if check not in ("decode", "header"):
        raise ValueError(f"check is 'decode' or 'header'; got {check!r}.")

    def look(path):
        try:
            return _look_at(path, check == "decode", expected_size, smallest_side), None
        except _Unusable as error:
            return False, str(error)

    paths = [os.fspath(path) for path in paths]
    kept, plain = [], []
    bar = None
    if len(paths) >= _PROGRESS_FROM:
        print(f"Checking {len(paths)} image files", flush=True)
        bar = tf.keras.utils.Progbar(len(paths), unit_name="file")
    with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        for number, (is_plain, reason) in enumerate(pool.map(look, paths)):
            if reason is None:
                kept.append(number)
                plain.append(is_plain)
            else:
                problems.add(paths[number], reason)
            if bar is not None and (number % 500 == 499 or number + 1 == len(paths)):
                bar.update(number + 1)
    return ImageFiles(
        paths=np.array(paths, dtype=object)[kept],
        plain=np.array(plain, dtype=bool),
        kept=np.array(kept, np.int64),
    )


class _Unusable(Exception):
    """Why one file cannot be used."""


def _look_at(path: str, decode: bool, expected_size, smallest_side: int) -> bool:
    """True if TensorFlow's decoder is right for this file; raises _Unusable."""
    from PIL import Image

    if not os.path.exists(path):
        raise _Unusable("is missing")
    if not os.path.isfile(path):
        raise _Unusable("is not a file")
    try:
        head, tail, content = _read(path, decode)
        if not head:
            raise _Unusable("is empty (0 bytes)")
        end = next((end for start, end in _MARKERS.items() if head.startswith(start)), None)
        if end is not None and end not in tail:
            raise _Unusable("is truncated (its end is missing)")
        with Image.open(io.BytesIO(content) if decode else path) as image:
            mode, height, width = image.mode, image.height, image.width
            transparent = "transparency" in image.info
            # Asking a PNG without the EXIF chunk for its EXIF would decode all of it.
            has_exif = image.format != "PNG" or "exif" in image.info
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1) if has_exif else 1
    except _Unusable:
        raise
    except Image.UnidentifiedImageError:
        raise _Unusable("is not an image (no image format recognises its first bytes)") from None
    except OSError as error:
        raise _Unusable(f"cannot be read ({error.strerror or error})") from None
    except Image.DecompressionBombError as error:
        raise _Unusable(f"is too large ({error})") from None
    except Exception as error:  # Pillow raises SyntaxError, ValueError, RuntimeError...
        raise _Unusable(f"cannot be read ({error})") from None
    if orientation in (5, 6, 7, 8):
        height, width = width, height
    if expected_size is not None and (height, width) != tuple(expected_size):
        raise _Unusable(f"is {width}x{height} pixels, wanted {expected_size[1]}x{expected_size[0]}")
    if min(height, width) < smallest_side:
        raise _Unusable(f"is {width}x{height} pixels, wanted {smallest_side} at least a side")
    known = end is not None
    if mode in _UNBOUNDED_MODES and not known:
        raise _Unusable(
            f"has pixels of mode {mode} (32 bits), whose white is not known; wanted 8 or 16 bits"
        )
    plain = known and orientation in (0, 1) and not transparent and mode in _PLAIN_MODES
    if not decode:
        return plain
    opaque_alpha = known and orientation in (0, 1) and mode in ("RGBA", "LA")
    if plain or opaque_alpha:
        try:
            pixels = tf.io.decode_image(content, expand_animations=False).numpy()
            return plain or bool(np.all(pixels[..., -1] == 255))
        except tf.errors.InvalidArgumentError:
            pass  # Pillow is more patient with some encoders: it has the last word.
    try:
        _decode_with_pillow(path)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error...
        raise _Unusable(f"is damaged ({error})") from None
    return False


def _read(path: str, whole: bool):
    """The first and the last bytes of a file, and all of them if wanted (else None)."""
    with open(path, "rb") as file:
        if whole:
            content = file.read()
            return content[:8], content[-_TAIL:], content
        head = file.read(8)
        file.seek(max(0, os.path.getsize(path) - _TAIL))
        return head, file.read(), None


def _decode_with_pillow(path) -> np.ndarray:
    """uint8 [height, width, 3]: upright, transparent pixels over white, of 16 bits the upper 8."""
    from PIL import Image, ImageOps

    if isinstance(path, np.ndarray):  # what tf.numpy_function hands over in eager mode
        path = path.item()
    with Image.open(os.fsdecode(path)) as image:
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return np.asarray(image.convert("RGB"))


def _check_fit(image_size, fit, crop) -> None:
    if fit not in _FITS:
        raise ValueError(f"fit is one of {', '.join(_FITS)}; got {fit!r}.")
    if image_size < 1 or (crop is not None and crop < 1):
        raise ValueError(f"Sizes are 1 pixel or more; got image_size={image_size}, crop={crop}.")
