"""An export as an extractor of image features, for other models to begin with."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Union

import tensorflow as tf

from tfgen.serving.errors import ServingError
from tfgen.serving.load import load

__all__ = ["ExportedFeatures"]


class ExportedFeatures:
    """The signature of an export that tells a vector for each image.

    To `tfgen.data.cached_features` it is what an `ImageBackbone` is. An export whose signatures
    call it holds a copy of its variables, and takes images.

    ```python
    backbone = tfgen.serving.ExportedFeatures("saved_models/scenes_classifier", image_size=64)
    backbone(tf.zeros([2, 64, 64, 3], tf.uint8))  # float32 [2, 631]
    ```

    Attributes:
      application, layer, weights: the name in the export's card, the signature, the path of its
        version.
      image_size: as given.
      shape: of the features of one image.
      fingerprint: a hash of the signature, the size and the files of the export.
    """

    def __init__(self, path: Union[str, os.PathLike], image_size: int, signature: str = "features"):
        """Loads the export.

        Args:
          path: of the export.
          image_size: height and width of the images that it will be given.
          signature: which takes images, uint8 [B, H, W, 3], and returns one vector for each.

        Raises:
          ServingError: there is no export, or it has no such signature.
        """
        self._model = load(path)
        self.application, self.layer = self._model.card.name, signature
        self.weights, self.image_size = str(self._model.path), image_size
        outputs = self._model.signatures.get(signature, {}).get("outputs", {})
        if len(outputs) != 1:
            able = ", ".join(self._model.signatures)
            raise ServingError(
                f"{self.weights} gives no image features: wanted a signature {signature!r} with "
                f"one output; it has {able}."
            )
        (self._output,) = outputs
        self.shape = self(tf.zeros([1, image_size, image_size, 3], tf.uint8)).shape[1:]
        identity = [self.application, signature, image_size, self._model.card.files]
        described = json.dumps(identity, sort_keys=True)
        self.fingerprint = hashlib.sha256(described.encode()).hexdigest()[:16]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """uint8 [B, H, W, 3] -> float32 [B, *shape]."""
        return self._model.run(self.layer, images=images)[self._output]
