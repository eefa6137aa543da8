"""Two Objects: rendered pictures of two solids, each with a sentence of nine words.

The data of [1, Sec. 5.3] is made of CLEVR scenes [2] with exactly two objects. Here such scenes
are rendered from (seed, index), with CLEVR's vocabulary.

#### References
[1]: Cremer and Kushman. On the Importance of Learning Aggregate Posteriors in Multimodal
     Variational Autoencoders. 2018.
[2]: Johnson et al. CLEVR: A Diagnostic Dataset for Compositional Language and Elementary Visual
     Reasoning. CVPR 2017.
"""

from __future__ import annotations

import dataclasses
from typing import Dict, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data import scene_geometry
from tfgen.data.rendering import reflectance, render
from tfgen.data.source import Source, Splits
from tfgen.data.stateless import example_seeds, seeded_uniform
from tfgen.data.two_objects_text import (
    COLOURS,
    MATERIALS,
    RELATIONS,
    SHAPES,
    SIZES,
    SLOTS,
    VOCABULARY,
)
from tfgen.randomness import Seed, fold_in

__all__ = ["COLOUR_VALUES", "two_objects", "one_object", "two_objects_scenes"]

COLOUR_VALUES = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
"""CLEVR's eight colours, sRGB in 0..255."""

_SHAPE_CODES = {
    "sphere": scene_geometry.SPHERE,
    "cylinder": scene_geometry.CYLINDER,
    "cube": scene_geometry.CUBE,
}
_PALETTE = reflectance(np.array([COLOUR_VALUES[name] for name in COLOURS]) / 255.0)
_RAYS_AT_ONCE = 1 << 16
_CHOICES = {"size": SIZES, "colour": COLOURS, "material": MATERIALS, "shape": SHAPES}


def two_objects(
    image_size: int = 64,
    train: int = 90000,
    validation: int = 10000,
    test: int = 10000,
    seed: int = 0,
    supersampling: int = 2,
    redraw_sentences: bool = False,
    jit_compile: bool = True,
) -> Splits:
    """Pictures of two objects with sentences such as 'small red rubber sphere left large blue
    metal cube', which says that the first object is left of the second.

    All nine words are uniform and independent. The relation word is drawn among the two that
    hold: 'left' or 'right', and 'front' or 'behind', seen from the camera along the ground.

    Args:
      image_size: height and width; 112 in the paper.
      train, validation, test: numbers of examples. The splits are disjoint random streams.
      seed: of everything; an example is a function of (seed, split, index).
      supersampling: rays a pixel along each side.
      redraw_sentences: draw anew for each epoch of the training set which object is named first
        and which of the two true relations is said. Each pair is a draw of the same distribution;
        a picture is seen with all four of its sentences instead of with one.
      jit_compile: twice as fast for three seconds of compilation each time a pipeline starts.

    Returns:
      Splits with the features "image" uint8 [H, W, 3]; "text" string []; "words" int32 [9],
      positions in description["vocabulary"]; "positions" float32 [2, 2], the objects' coordinates
      along the camera's right and forward directions, in the order of the text.
    """

    def load_chunk(stream, indices):
        scene = two_objects_scenes(stream, indices)
        return {
            "image": render(scene, image_size, supersampling, jit_compile),
            "words": scene["words"],
            "positions": scene["offsets"],
        }

    features = {
        "image": tf.TensorSpec([image_size, image_size, 3], tf.uint8),
        "words": tf.TensorSpec([9], tf.int32),
        "positions": tf.TensorSpec([2, 2], tf.float32),
    }
    splits = _splits(
        "two_objects",
        load_chunk,
        features,
        seed,
        (train, validation, test),
        {"slots": [name for name, _ in SLOTS]},
        (image_size * supersampling) ** 2,
    )
    if not redraw_sentences:
        return splits
    return dataclasses.replace(
        splits, train=dataclasses.replace(splits.train, redraw=_redraw_sentence)
    )


def one_object(
    image_size: int = 64,
    colours: Sequence[str] = COLOURS,
    sizes: Sequence[str] = SIZES,
    materials: Sequence[str] = MATERIALS,
    shapes: Sequence[str] = SHAPES,
    train: int = 90000,
    validation: int = 10000,
    test: int = 10000,
    seed: int = 0,
    supersampling: int = 2,
    slots: Sequence[str] = ("size", "colour", "material", "shape"),
    jit_compile: bool = True,
) -> Splits:
    """Pictures of one object with the words of its attributes, such as 'small red rubber cube'.

    Args:
      image_size: height and width.
      colours, sizes, materials, shapes: the words that occur.
      train, validation, test, seed, supersampling, jit_compile: as `two_objects`.
      slots: which attributes the text names, in order. ("size", "colour") with one material and
        one shape is the data of the paper's two-dimensional latent map.

    Returns:
      Splits with "image" uint8 [H, W, 3], "text" string [], "words" int32 [len(slots)], positions
      in description["vocabulary"], and "positions" float32 [1, 2].

    Raises:
      ValueError: an unknown word or slot, or an empty choice.
    """
    given = {"size": sizes, "colour": colours, "material": materials, "shape": shapes}
    for name, words in given.items():
        wrong = [word for word in words if word not in _CHOICES[name]]
        if wrong or not words:
            raise ValueError(
                f"Wanted one or more of {', '.join(_CHOICES[name])} as {name}; got {list(words)}."
            )
    wrong = [name for name in slots if name not in given]
    if wrong or not slots:
        raise ValueError(f"Wanted one or more slots of {', '.join(given)}; got {list(slots)}.")

    def load_chunk(stream, indices):
        scene = _scenes(stream, indices, 1, given)
        columns = [list(given).index(name) for name in slots]
        return {
            "image": render(scene, image_size, supersampling, jit_compile),
            "words": tf.gather(scene["attributes"][:, 0], columns, axis=1),
            "positions": scene["offsets"],
        }

    features = {
        "image": tf.TensorSpec([image_size, image_size, 3], tf.uint8),
        "words": tf.TensorSpec([len(slots)], tf.int32),
        "positions": tf.TensorSpec([1, 2], tf.float32),
    }
    return _splits(
        "one_object",
        load_chunk,
        features,
        seed,
        (train, validation, test),
        {"slots": list(slots), "choices": {k: list(v) for k, v in given.items()}},
        (image_size * supersampling) ** 2,
    )


def two_objects_scenes(stream: Seed, indices: tf.Tensor) -> Dict[str, tf.Tensor]:
    """The scenes of examples: what `rendering.render` wants, "words" [B, 9], "offsets" [B, 2, 2].

    The first object of a scene is the first of its sentence. `stream` is the split's seed.
    """
    return _scenes(stream, indices, 2, _CHOICES)


def _scenes(stream, indices, count, given):
    candidates, each = scene_geometry.CANDIDATES, scene_geometry.PLACEMENT_NUMBERS
    picks = count * 4 + 2
    numbers = seeded_uniform(
        example_seeds(stream, tf.zeros_like(indices), indices), picks + candidates * each
    )
    draws, numbers = numbers[:, :picks], tf.reshape(numbers[:, picks:], [-1, candidates, each])
    columns = []
    for slot, words in enumerate(given.values()):
        ids = tf.constant([VOCABULARY.index(word) for word in words], tf.int32)
        choices = tf.cast(draws[:, slot : 4 * count : 4] * len(words), tf.int32)
        columns.append(tf.gather(ids, tf.minimum(choices, len(words) - 1)))
    attributes = tf.stack(columns, -1)
    first_words = [VOCABULARY.index(words[0]) for words in _CHOICES.values()]
    size, colour, material, shape = tf.unstack(attributes - first_words, axis=-1)
    shapes = tf.gather(tf.constant([_SHAPE_CODES[name] for name in SHAPES], tf.int32), shape)
    radii = tf.gather(tf.constant(scene_geometry.RADII, tf.float32), size)
    quadrants = tf.cast(4.0 * draws[:, -2], tf.int32)
    scene = scene_geometry.draw_layout(numbers, shapes, radii, quadrants)
    positions = scene["positions"]
    axes = {name: scene[name][:, tf.newaxis] for name in ("right", "forward")}
    offsets = tf.stack(scene_geometry.ground_offsets(axes, positions), -1)
    scene.update(
        shapes=shapes,
        radii=radii,
        colours=tf.gather(tf.constant(_PALETTE), colour),
        metals=tf.cast(material, tf.float32),
        attributes=attributes,
        offsets=offsets,
    )
    if count == 2:
        scene["words"] = _sentence(attributes, offsets, draws[:, -1])
    return scene


def _sentence(attributes, offsets, draws):
    """Nine words [B, 9] of objects [B, 2, 4] in the order given; draws, [B], choose a relation."""
    right, left, front, behind = (VOCABULARY.index(name) for name in RELATIONS)
    less = offsets[:, 0] < offsets[:, 1]
    across = tf.where(less[:, 0], left, right)
    along = tf.where(less[:, 1], front, behind)
    relation = tf.where(draws < 0.5, across, along)
    return tf.concat([attributes[:, 0], relation[:, tf.newaxis], attributes[:, 1]], 1)


def _redraw_sentence(features, seeds):
    """The same pictures, with a new order of the objects and a new choice of the relation."""
    draws = seeded_uniform(seeds, 2)
    exchange = draws[:, :1, tf.newaxis] < 0.5
    words, offsets = features["words"], features["positions"]
    attributes = tf.stack([words[:, :4], words[:, 5:]], 1)
    attributes = tf.where(exchange, tf.reverse(attributes, [1]), attributes)
    offsets = tf.where(exchange, tf.reverse(offsets, [1]), offsets)
    words = _sentence(attributes, offsets, draws[:, 1])
    return {**features, "words": words, "positions": offsets, "text": _texts(words)}


def _texts(words):
    return tf.strings.reduce_join(tf.gather(tf.constant(VOCABULARY), words), axis=1, separator=" ")


def _splits(name, load_chunk, features, seed, counts, extra, rays) -> Splits:
    # A few pictures at a time: enough to hide the cost of calling an operation, few enough for
    # the rays to stay in the processor's cache. The size is fixed, hence so is every result.
    chunk = max(1, _RAYS_AT_ONCE // rays)
    # A graph of thousands of operations, made once for the pipelines of all splits.
    load_chunk = tf.function(load_chunk, autograph=False)

    def source(split, count):
        stream = fold_in(seed, name, split)

        @tf.autograph.experimental.do_not_convert
        def load(indices):
            total = tf.shape(indices)[0]
            padded = tf.pad(indices, [[0, -total % chunk]])
            result = tf.map_fn(
                lambda some: load_chunk(stream, some),
                tf.reshape(padded, [-1, chunk]),
                fn_output_signature={k: v.dtype for k, v in features.items()},
            )
            result = {
                k: tf.reshape(v, tf.concat([[-1], features[k].shape], 0))[:total]
                for k, v in result.items()
            }
            return {**result, "text": _texts(result["words"])}

        return Source(count, load, {**features, "text": tf.TensorSpec([], tf.string)})

    splits = dict(zip(("train", "validation", "test"), counts))
    return Splits(
        **{split: source(split, count) for split, count in splits.items()},
        description={
            "name": name,
            "image_shape": features["image"].shape.as_list(),
            "vocabulary": list(VOCABULARY),
            "counts": splits,
            "seed": seed,
            **extra,
        },
    )
