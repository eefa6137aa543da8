"""Bytes of held-out two_objects pictures, compressed with an export, against PNG and lossless WebP.

    tfgen benchmark codec

Pictures of the test split, rendered for this, are compressed into one file by
`tfgen.codec.compress_arrays`, decoded again and compared. PNG is Pillow's with optimize, WebP its
lossless one with method 6 and quality 100, a file a picture. "model bytes" is -log2 P / 8 by the
export's log_prob. Seconds include the first call of the model, not its loading.
"""

from __future__ import annotations

import pathlib
from typing import Dict, List, Union

SUMMARY = "bytes and seconds of lossless compression with a model, against PNG and WebP"

EXPORT = "saved_models/pixelpyramids_two_objects"
PICTURES = 256


def measure(
    export: Union[str, pathlib.Path] = EXPORT, pictures: int = PICTURES
) -> List[Dict[str, object]]:
    """One row.

    Args:
      export: of a model of square pictures in colour, of 256 values.
      pictures: how many are compressed.
    """
    import numpy as np

    from recipes.cli.paths import find_export
    from tfgen import serving
    from tfgen.codec import ImageCodec, StoredImage, compress_arrays
    from tfgen.data import two_objects

    codec = ImageCodec(serving.load(find_export(str(export))))
    size = codec.tile_shape[0]
    batches = two_objects(image_size=size, jit_compile=False).test.batches(min(pictures, 64))
    images: List[np.ndarray] = []
    for batch in batches:
        images += list(batch["image"].numpy()[: pictures - len(images)])
        if len(images) == pictures:
            break
    stored = [StoredImage(f"{index:04d}", size, size, "RGB") for index in range(pictures)]
    _, report = compress_arrays(codec, images, stored, check=True)
    numbers = report.as_dict()
    return [
        {
            "pictures": pictures,
            "file bytes": numbers["file_bytes"],
            "bits/dim": numbers["bits_per_dim"],
            "code bytes": numbers["code_bytes"],
            "model bytes": numbers["model_bytes"],
            "overhead %": 100.0 * numbers["overhead"],
            "PNG bytes": numbers["png_bytes"],
            "less than PNG %": 100.0 * numbers["less_than_png"],
            "WebP bytes": numbers["webp_bytes"],
            "less than WebP %": 100.0 * numbers["less_than_webp"],
            "encoded/s": numbers["encode_images_per_second"],
            "decoded/s": numbers["decode_images_per_second"],
        }
    ]
