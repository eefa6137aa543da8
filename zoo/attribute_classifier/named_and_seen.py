"""What a caption of a scene names, and how much of it a classifier sees in an image."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import numpy as np

from tfgen.data.scenes_facts import read_scene_caption
from tfgen.data.scenes_words import SCENE_COLOURS, SCENE_CONTEXTS, SCENE_KINDS

__all__ = ["named_and_seen"]


def named_and_seen(
    classifier: Any, images: np.ndarray, captions: Sequence[str], batch_size: int = 200
) -> Dict[str, np.ndarray]:
    """The share of what each caption names that is seen in its image.

    Of every object or group of a caption, the kind, the colour, or both together are one thing
    named: 'a red ball' is seen if a ball that is red is, 'two cubes' if a cube is, 'a gray thing'
    if anything gray is. The context is one more. Sizes, numbers and relations are not judged.

    Args:
      classifier: an object with see(images=uint8 [B, H, W, 3]), as of `SceneClassifier`:
        `tfgen.serving.load("saved_models/scenes_classifier")`.
      images: uint8 [N, H, W, 3], of any size.
      captions: N captions of the grammar of `tfgen.data.scenes`.
      batch_size: images classified at once.

    Returns:
      "objects", "context" and "named" (both together), float64 [N]; NaN where a caption names
      none.

    Raises:
      SentenceError: a caption is not of the grammar.
      ValueError: numbers of images and captions differ.
    """
    if len(images) != len(captions):
        raise ValueError(
            f"Wanted a caption for each image; got {len(images)} images and {len(captions)} "
            "captions."
        )
    parts = [
        classifier.see(images=images[start : start + batch_size])
        for start in range(0, len(images), batch_size)
    ]
    seen = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = [_seen(text, {k: v[i] for k, v in seen.items()}) for i, text in enumerate(captions)]
    shares = {
        "objects": [_mean(objects) for objects, _ in rows],
        "context": [_mean(context) for _, context in rows],
        "named": [_mean([*objects, *context]) for objects, context in rows],
    }
    return {name: np.array(values, np.float64) for name, values in shares.items()}


def _seen(caption, seen):
    """Whether each object that is named is seen, and whether the context is."""
    facts, objects = read_scene_caption(caption), []
    for mention in facts.mentions:
        kind = None if mention.kind is None else SCENE_KINDS.index(mention.kind)
        colour = None if mention.colour is None else SCENE_COLOURS.index(mention.colour)
        if kind is not None and colour is not None:
            objects.append(seen["objects"][kind, colour] > 0.5)
        elif kind is not None:
            objects.append(seen["kinds"][kind] > 0.5)
        elif colour is not None:
            objects.append(seen["colours"][colour] > 0.5)
    if facts.context is None:
        return objects, []
    return objects, [np.argmax(seen["context"]) == SCENE_CONTEXTS.index(facts.context)]


def _mean(values):
    return np.mean(values) if len(values) else np.nan
