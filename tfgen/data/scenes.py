"""Scenes: rendered pictures of one to four objects somewhere, each with five captions.

The pictures have many captions and the captions many pictures, as in the captioning sets that
this one stands in for; and everything that a caption says can be checked.
"""

from __future__ import annotations

import dataclasses
from typing import Callable, Dict, Mapping, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.scenes_captions import (
    NUMBERS_EACH,
    TRIES,
    SceneDescription,
    SceneObject,
    scene_captions,
)
from tfgen.data.scenes_geometry import LAYOUT_NUMBERS, draw_scenery
from tfgen.data.scenes_rendering import render_scenes
from tfgen.data.scenes_words import (
    MOST_OBJECTS,
    SCENE_COLOURS,
    SCENE_CONTEXTS,
    SCENE_KINDS,
    SCENE_SIZES,
)
from tfgen.data.source import Source, Splits
from tfgen.data.stateless import example_seeds, seeded_uniform
from tfgen.randomness import Seed, fold_in

__all__ = ["HELD_OUT_SCENES", "SceneSplits", "describe_scene", "draw_scenes", "scenes"]

HELD_OUT_SCENES: Tuple[Tuple[str, str], ...] = (
    ("ball", "beach"),
    ("cube", "table"),
    ("cylinder", "lawn"),
    ("cone", "night"),
    ("house", "road"),
    ("tree", "snow"),
    ("mushroom", "tiles"),
    ("pawn", "beach"),
)
"""(kind, context) that stand together in the pictures of the split `held_out` alone."""

_CAPTIONS = 5
_SAME_KIND, _SAME_COLOUR = 0.25, 0.15
_RAYS_AT_ONCE = 1 << 16
_PICKS = 3 + 5 * MOST_OBJECTS
_ALLOWED = [
    [i for i, kind in enumerate(SCENE_KINDS) if (kind, context) not in HELD_OUT_SCENES]
    for context in SCENE_CONTEXTS
]


@dataclasses.dataclass(frozen=True)
class SceneSplits(Splits):
    """Splits with one more source: pictures of combinations that the others do not have."""

    held_out: Source

    def map(self, function: Callable[[Source], Source]) -> "SceneSplits":
        """Puts each source through `function`, such as `in_memory`; the description stays."""
        return dataclasses.replace(super().map(function), held_out=function(self.held_out))


def scenes(
    image_size: int = 64,
    train: int = 20000,
    validation: int = 2000,
    test: int = 2000,
    held_out: int = 2000,
    seed: int = 0,
    supersampling: int = 2,
    jit_compile: bool = True,
) -> SceneSplits:
    """Pictures of one to four objects on a ground, with five true captions each.

    Kinds: ball, cube, cylinder, cone, house, tree, mushroom, pawn; eight colours; two sizes;
    contexts: lawn, beach, snow, night, table, tiles, road. Numbers of objects, contexts, kinds
    within a context, colours and sizes are uniform, but that an object repeats the kind of the
    first with probability 1/4 and its colour with 0.15, so that there is something to count.
    Captions are described at `scene_captions`.

    Args:
      image_size: height and width, in pixels.
      train, validation, test: numbers of pictures in which no combination of `HELD_OUT_SCENES`
        occurs. The splits are disjoint random streams.
      held_out: number of pictures with such a combination each.
      seed: of everything; an example is a function of (seed, split, index).
      supersampling: rays a pixel along each side.
      jit_compile: faster, for some seconds of compilation each time a pipeline starts.

    Returns:
      Splits with the features "image" uint8 [H, W, 3]; "captions" string [5], "caption_count"
      int32 [] (always 5); and the truth: "context" int32 []; "kinds", "colours", "sizes" int32
      [4], -1 where there is no object; "boxes" float32 [4, 4] (top, left, bottom, right, fractions
      of the picture, of the whole object also where another hides it); "positions" float32 [4, 2]
      (right and forward on the ground). The names are in description["contexts"], ["kinds"],
      ["colours"] and ["sizes"]; `describe_scene` puts them together.
    """
    features = {
        "image": tf.TensorSpec([image_size, image_size, 3], tf.uint8),
        "captions": tf.TensorSpec([_CAPTIONS], tf.string),
        "caption_count": tf.TensorSpec([], tf.int32),
        "context": tf.TensorSpec([], tf.int32),
        "kinds": tf.TensorSpec([MOST_OBJECTS], tf.int32),
        "colours": tf.TensorSpec([MOST_OBJECTS], tf.int32),
        "sizes": tf.TensorSpec([MOST_OBJECTS], tf.int32),
        "boxes": tf.TensorSpec([MOST_OBJECTS, 4], tf.float32),
        "positions": tf.TensorSpec([MOST_OBJECTS, 2], tf.float32),
    }
    # A few pictures at a time, so that the rays stay in the processor's cache. The size is fixed,
    # hence so is every result.
    chunk = max(1, _RAYS_AT_ONCE // (image_size * supersampling) ** 2)

    # A large graph, made once for the pipelines of all splits.
    @tf.function(autograph=False)
    def render_chunk(scene):
        return render_scenes(scene, image_size, supersampling, jit_compile)

    def source(split, count):
        stream = fold_in(seed, "scenes", split)

        @tf.autograph.experimental.do_not_convert
        def load(indices):
            scene = draw_scenes(stream, indices, split == "held_out")
            total = tf.shape(indices)[0]
            # The pictures are an operation of their own, left out where they are not wanted.
            chunks = {
                name: tf.reshape(
                    tf.pad(value, [[0, -total % chunk]] + [[0, 0]] * (value.shape.rank - 1)),
                    [-1, chunk, *value.shape[1:]],
                )
                for name, value in scene.items()
            }
            images = tf.map_fn(render_chunk, chunks, fn_output_signature=tf.uint8)
            scene["image"] = tf.reshape(images, [-1, image_size, image_size, 3])[:total]
            scene["captions"] = _captions(stream, indices, scene)
            scene["caption_count"] = tf.fill([total], _CAPTIONS)
            return {name: scene[name] for name in features}

        return Source(count, load, features)

    counts = {"train": train, "validation": validation, "test": test, "held_out": held_out}
    return SceneSplits(
        **{split: source(split, count) for split, count in counts.items()},
        description={
            "name": "scenes",
            "image_shape": [image_size, image_size, 3],
            "contexts": list(SCENE_CONTEXTS),
            "kinds": list(SCENE_KINDS),
            "colours": list(SCENE_COLOURS),
            "sizes": list(SCENE_SIZES),
            "held_out": [list(combination) for combination in HELD_OUT_SCENES],
            "counts": counts,
            "captions_each": _CAPTIONS,
            "seed": seed,
        },
    )


def draw_scenes(stream: Seed, indices: tf.Tensor, held_out: bool = False) -> Dict[str, tf.Tensor]:
    """The scenes of examples, without pictures and captions.

    Args:
      stream: the split's seed.
      indices: int64 [B].
      held_out: whether each has a combination of `HELD_OUT_SCENES`; else none has.

    Returns:
      What `draw_scenery` returns, and "context" [B], "kinds", "colours", "sizes" int32 [B, 4].
    """
    draws = seeded_uniform(
        example_seeds(fold_in(stream, "scene"), tf.zeros_like(indices), indices),
        _PICKS + LAYOUT_NUMBERS,
    )
    picks, layout = draws[:, :_PICKS], draws[:, _PICKS:]
    single, each = picks[:, :3], tf.reshape(picks[:, 3:], [-1, 5, MOST_OBJECTS])
    count = 1 + _choice(single[:, 0], MOST_OBJECTS)
    present = tf.range(MOST_OBJECTS) < count[:, tf.newaxis]
    pairs = tf.constant(
        [(SCENE_KINDS.index(kind), SCENE_CONTEXTS.index(c)) for kind, c in HELD_OUT_SCENES]
    )
    pair = tf.gather(pairs, _choice(single[:, 1], len(HELD_OUT_SCENES)))
    context = pair[:, 1] if held_out else _choice(single[:, 2], len(SCENE_CONTEXTS))

    most = max(map(len, _ALLOWED))
    table = tf.constant([row + [0] * (most - len(row)) for row in _ALLOWED])
    sizes = tf.gather(tf.constant([len(row) for row in _ALLOWED]), context)
    kinds = _choice(each[:, 0], sizes[:, tf.newaxis])
    kinds = tf.gather(tf.gather(table, context), kinds, batch_dims=1)
    if held_out:
        kinds = tf.concat([pair[:, :1], kinds[:, 1:]], 1)
    kinds = tf.where(each[:, 1] < _SAME_KIND, kinds[:, :1], kinds)
    colours = _choice(each[:, 2], len(SCENE_COLOURS))
    colours = tf.where(each[:, 3] < _SAME_COLOUR, colours[:, :1], colours)
    sizes = _choice(each[:, 4], len(SCENE_SIZES))
    attributes = {
        name: tf.where(present, value, -1)
        for name, value in (("kinds", kinds), ("colours", colours), ("sizes", sizes))
    }
    scenery = draw_scenery(layout, attributes["kinds"], sizes)
    return {**scenery, "context": context, **attributes}


def describe_scene(example: Mapping[str, np.ndarray]) -> SceneDescription:
    """The scene of one example, in words and numbers; see `check_scene_caption`.

    Args:
      example: "context", "kinds", "colours", "sizes", "boxes", "positions" without a batch axis.
    """
    objects = []
    for i in range(MOST_OBJECTS):
        if example["kinds"][i] >= 0:
            right, forward = map(float, example["positions"][i])
            objects.append(
                SceneObject(
                    SCENE_KINDS[int(example["kinds"][i])],
                    SCENE_COLOURS[int(example["colours"][i])],
                    SCENE_SIZES[int(example["sizes"][i])],
                    0.5 * float(example["boxes"][i][1] + example["boxes"][i][3]),
                    right,
                    forward,
                )
            )
    return SceneDescription(SCENE_CONTEXTS[int(example["context"])], tuple(objects))


def _choice(uniform, count):
    """Uniform numbers -> integers in [0, count)."""
    chosen = tf.cast(uniform * tf.cast(count, tf.float32), tf.int32)
    return tf.minimum(chosen, count - 1)


def _captions(stream, indices, scene):
    """Five captions an example, string [N, 5]."""
    names = ("context", "kinds", "colours", "sizes", "boxes", "positions")
    seeds = example_seeds(fold_in(stream, "captions"), tf.zeros_like(indices), indices)
    numbers = tf.reshape(seeded_uniform(seeds, TRIES * NUMBERS_EACH), [-1, TRIES, NUMBERS_EACH])

    def speak(numbers, *arrays):
        rows = [
            scene_captions(describe_scene(dict(zip(names, values))), row, _CAPTIONS)
            for row, *values in zip(numbers, *arrays)
        ]
        return np.array(rows, dtype=object).reshape(-1, _CAPTIONS)

    captions = tf.numpy_function(
        speak, [numbers, *(scene[name] for name in names)], tf.string, stateful=False
    )
    return tf.ensure_shape(captions, [indices.shape[0], _CAPTIONS])
