"""Where the objects of a scene stand: solids made of simple parts, a camera, a random layout.

World coordinates: z is up and the ground is z = 0; the camera looks along y and a little down; x
runs to the right of the picture. An object is made of two parts, each the set

    { x^2 + y^2 + a z^2 + b z + c <= 0,  z0 <= z <= z1,  |x| + k z <= w,  |y| <= v }

in coordinates turned by the object's yaw. One formula so serves for balls, boxes, cylinders,
cones, caps and roofs.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple

import numpy as np
import tensorflow as tf

from tfgen.data.scenes_words import MOST_OBJECTS, SCENE_KINDS, SCENE_SIZES

__all__ = [
    "CANDIDATES",
    "LAYOUT_NUMBERS",
    "LOOK_AT",
    "SIZE_RADII",
    "TANGENT",
    "SceneParts",
    "Scenery",
    "draw_scenery",
    "scene_parts",
]

Scenery = Dict[str, tf.Tensor]

TANGENT = 0.4
"""Tangent of half the field of view."""
SIZE_RADII = {"small": 0.34, "large": 0.55}
CANDIDATES = 40
LAYOUT_NUMBERS = 8 + 2 * MOST_OBJECTS + 2 * MOST_OBJECTS * CANDIDATES
"""Uniform numbers that a layout consumes."""

_FAR = 50.0
_BORDER = 0.96
_GAP = 0.06
_HIDDEN = 0.3
LOOK_AT = 0.5
"""Height of the point that the camera looks at, above the origin."""
_NEAREST, _FARTHEST = -1.2, 1.7


class _Part(NamedTuple):
    """One part, for an object of radius 1; `a`, `k` have no unit, `c` is a squared length."""

    a: float = 1.0
    b: float = 0.0
    c: float = -_FAR * _FAR
    z0: float = 0.0
    z1: float = 0.0
    w: float = _FAR
    v: float = _FAR
    k: float = 0.0


_LENGTHS = np.array([0, 1, 2, 1, 1, 1, 1, 0])
"""With which power of the radius each number of a part grows."""


def _ball(z: float, radius: float) -> _Part:
    return _Part(1.0, -2.0 * z, z * z - radius * radius, z - radius, z + radius)


def _cylinder(radius: float, z0: float, z1: float) -> _Part:
    return _Part(0.0, 0.0, -radius * radius, z0, z1)


def _cone(radius: float, z0: float, z1: float) -> _Part:
    slope = (radius / (z1 - z0)) ** 2
    return _Part(-slope, 2 * slope * z1, -slope * z1 * z1, z0, z1)


def _cap(radius: float, z0: float, z1: float) -> _Part:
    a = (radius / (z1 - z0)) ** 2
    return _Part(a, -2.0 * a * z0, a * z0 * z0 - radius * radius, z0, z1)


def _box(half: float, z0: float, z1: float) -> _Part:
    return _Part(z0=z0, z1=z1, w=half, v=half)


def _roof(half: float, z0: float, z1: float) -> _Part:
    k = half / (z1 - z0)
    return _Part(z0=z0, z1=z1, w=k * z1, v=half, k=k)


_NOTHING = _Part(a=0.0, c=1.0)

_KINDS: Dict[str, List[_Part]] = {
    "ball": [_ball(1.0, 1.0), _NOTHING],
    "cube": [_box(0.82, 0.0, 1.64), _NOTHING],
    "cylinder": [_cylinder(0.75, 0.0, 1.9), _NOTHING],
    "cone": [_cone(0.95, 0.0, 2.1), _NOTHING],
    "house": [_box(0.82, 0.0, 1.15), _roof(1.0, 1.15, 2.1)],
    "tree": [_cone(0.95, 0.95, 2.9), _cylinder(0.25, 0.0, 1.0)],
    "mushroom": [_cap(1.0, 0.95, 1.85), _cylinder(0.32, 0.0, 1.0)],
    "pawn": [_cone(0.85, 0.0, 1.8), _ball(1.75, 0.52)],
}
_PARTS = np.array([_KINDS[kind] for kind in SCENE_KINDS])
"""[kinds, 2, 8]."""
_WIDTHS = np.array([1.0, 1.16, 0.75, 0.95, 1.3, 0.95, 1.0, 0.85])
_HEIGHTS = np.array([2.0, 1.64, 1.9, 2.1, 2.1, 2.9, 1.85, 2.27])


class SceneParts(NamedTuple):
    """The parts of all objects, in world lengths; each tensor is float32 [B, parts].

    Parts 2 i and 2 i + 1 belong to object i. `numbers` is [B, parts, 8]: a, b, c, z0, z1, w, v, k.
    """

    x: tf.Tensor
    y: tf.Tensor
    cosine: tf.Tensor
    sine: tf.Tensor
    numbers: tf.Tensor


def draw_scenery(numbers: tf.Tensor, kinds: tf.Tensor, sizes: tf.Tensor) -> Scenery:
    """Places objects so that each lies inside the picture and is mostly seen.

    The objects have columns of the picture of their own, in random order, with random shifts, and
    random distances. Of `CANDIDATES` such layouts the first is taken in which no object leaves the
    picture, no two touch, and none is hidden by more than 30 % of its box; should there be
    none, a fixed one, without shifts.

    Args:
      numbers: uniform on [0, 1), float32 [B, LAYOUT_NUMBERS].
      kinds: int32 [B, 4], positions in SCENE_KINDS; -1 where there is no object. Objects come
        first.
      sizes: int32 [B, 4], positions in SCENE_SIZES.

    Returns:
      "elevation", "distance" [B] of the camera, "sun" [B, 3] (a unit vector towards it), "phases"
      [B, 4] in [0, 1) for the ground's texture, "positions" [B, 4, 2] (x and y), "turns" [B, 4, 2]
      (cosine and sine of the yaws), "radii" [B, 4], "boxes" [B, 4, 4] (top, left, bottom, right,
      as fractions of the picture), all float32; "candidate" int32 [B], the number of layouts that
      were rejected. Absent objects have zeros.
    """
    # In double precision, because vector units and scalar units disagree on the last bit of a
    # sine: which of them is used depends on an example's place in the batch.
    numbers = tf.cast(numbers, tf.float64)
    fixed, yaws, order, rest = tf.split(
        numbers, [8, MOST_OBJECTS, MOST_OBJECTS, 2 * MOST_OBJECTS * CANDIDATES], axis=1
    )
    present = kinds >= 0
    known = tf.maximum(kinds, 0)
    radii = tf.gather(tf.constant([SIZE_RADII[size] for size in SCENE_SIZES], tf.float64), sizes)
    elevation, distance = 0.25 + 0.05 * fixed[:, 0], 5.4 + 0.4 * fixed[:, 1]
    positions, chosen = _place(rest, known, radii, present, elevation, distance, order)
    angles = 0.5 * np.pi * yaws
    turns = tf.stack([tf.cos(angles), tf.sin(angles)], -1)
    sun = tf.stack(
        [0.9 * fixed[:, 2] - 0.75, 0.4 * fixed[:, 3] - 0.75, tf.ones_like(elevation)], -1
    )
    scenery = {
        "elevation": elevation,
        "distance": distance,
        "sun": tf.math.l2_normalize(sun, -1),
        "phases": fixed[:, 4:],
        "positions": positions,
        "turns": turns,
        "radii": radii,
    }
    scenery["boxes"] = _boxes(scenery, known)
    for name in ("positions", "turns", "radii", "boxes"):
        shape = [-1, MOST_OBJECTS] + [1] * (scenery[name].shape.rank - 2)
        scenery[name] *= tf.reshape(tf.cast(present, tf.float64), shape)
    scenery = {name: tf.cast(value, tf.float32) for name, value in scenery.items()}
    return {**scenery, "candidate": chosen}


def scene_parts(scenery: Scenery, kinds: tf.Tensor) -> SceneParts:
    """The parts of the objects; an absent object's are empty."""
    table = tf.constant(_PARTS, tf.float32)
    table = tf.concat([table, [[_NOTHING, _NOTHING]]], 0)
    parts = tf.gather(table, tf.where(kinds < 0, len(SCENE_KINDS), kinds))
    radii = scenery["radii"][..., tf.newaxis]
    # Powers 0, 1 and 2; an absent object has radius 0, which must not empty its emptiness.
    radii = tf.where(radii > 0, radii, 1.0)
    powers = tf.concat([tf.ones_like(radii), radii, radii * radii], -1)
    parts *= tf.gather(powers, _LENGTHS, axis=-1)[:, :, tf.newaxis]
    spread = [
        tf.repeat(value, 2, axis=1)
        for value in (
            *tf.unstack(scenery["positions"], axis=-1),
            *tf.unstack(scenery["turns"], axis=-1),
        )
    ]
    return SceneParts(*spread, tf.reshape(parts, [-1, 2 * MOST_OBJECTS, 8]))


def _place(numbers, kinds, radii, present, elevation, distance, order):
    """Positions [B, 4, 2] and how many candidates were rejected [B]."""
    batch = tf.shape(numbers)[0]
    draws = tf.reshape(numbers, [-1, CANDIDATES, MOST_OBJECTS, 2])
    # The present objects' ranks are their columns.
    keys = tf.where(present, order, 2.0 * tf.ones_like(order))
    ranks = tf.argsort(tf.argsort(keys, axis=1), axis=1)
    slots = tf.cast(ranks, tf.float64)[:, tf.newaxis]
    count = tf.reduce_sum(tf.cast(present, tf.float64), 1)[:, tf.newaxis, tf.newaxis]
    shifts = 2.0 * draws[..., 0] - 1.0
    depths = _NEAREST + (_FARTHEST - _NEAREST) * draws[..., 1]
    ones = tf.ones_like(keys)
    safe_depths = tf.where(ranks % 2 == 0, _FARTHEST * ones, 0.3 * ones)[:, tf.newaxis]
    shifts = tf.concat([shifts, tf.zeros([batch, 1, MOST_OBJECTS], tf.float64)], 1)
    depths = tf.concat([depths, safe_depths], 1)
    columns = 0.84 * ((2.0 * slots + 1.0 + 0.95 * shifts) / count - 1.0)
    columns = tf.concat([columns[:, :-1], 0.92 * columns[:, -1:]], 1)

    lean = [value[:, tf.newaxis, tf.newaxis] for value in (elevation, distance)]
    reach = lean[1] + depths * tf.cos(lean[0])
    positions = tf.stack([columns * TANGENT * reach, depths], -1)

    widths = (tf.gather(tf.constant(_WIDTHS), kinds) * radii)[:, tf.newaxis]
    heights = (tf.gather(tf.constant(_HEIGHTS), kinds) * radii)[:, tf.newaxis]

    def row(z, y):
        up = (y * tf.sin(lean[0])) + (z - LOOK_AT) * tf.cos(lean[0])
        ahead = lean[1] + y * tf.cos(lean[0]) - (z - LOOK_AT) * tf.sin(lean[0])
        return up / (TANGENT * ahead)

    # The sides that are nearer to the camera look wider.
    half = widths / (TANGENT * (reach - 0.7 * widths))
    boxes = tf.stack(
        [columns - half, row(0.0, depths - widths), columns + half, row(heights, depths)], -1
    )
    valid = _is_valid(positions, boxes, widths, depths, present)
    # The last candidate is the fixed layout: taken when no other one is valid.
    valid = tf.concat([valid[:, :-1], tf.ones([batch, 1], tf.bool)], 1)
    chosen = tf.argmax(tf.cast(valid, tf.int32), axis=1, output_type=tf.int32)
    return tf.gather(positions, chosen, batch_dims=1), chosen


def _is_valid(positions, boxes, widths, depths, present):
    here = present[:, tf.newaxis]
    inside = tf.reduce_all((tf.reduce_max(tf.abs(boxes), -1) < _BORDER) | ~here, -1)
    pair = here[..., tf.newaxis] & here[..., tf.newaxis, :] & ~np.eye(MOST_OBJECTS, dtype=bool)
    apart = tf.norm(positions[..., tf.newaxis, :] - positions[..., tf.newaxis, :, :], axis=-1)
    free = apart > widths[..., tf.newaxis] + widths[..., tf.newaxis, :] + _GAP
    low, high = boxes[..., :2], boxes[..., 2:]
    shared = tf.nn.relu(
        tf.minimum(high[..., tf.newaxis, :], high[..., tf.newaxis, :, :])
        - tf.maximum(low[..., tf.newaxis, :], low[..., tf.newaxis, :, :])
    )
    shared = tf.reduce_prod(shared, -1)
    nearer = depths[..., tf.newaxis, :] < depths[..., tf.newaxis]
    hidden = tf.reduce_sum(tf.where(pair & nearer, shared, tf.zeros_like(shared)), -1)
    seen = hidden <= _HIDDEN * tf.reduce_prod(high - low, -1)
    return inside & tf.reduce_all(free | ~pair, [-2, -1]) & tf.reduce_all(seen | ~here, -1)


def _outlines(levels: int = 13, corners: int = 24) -> np.ndarray:
    """Points on the surfaces of the kinds, for radius 1: [kinds, points, 3]."""
    angles = 2 * np.pi * np.arange(corners) / corners
    circle = np.stack([np.cos(angles), np.sin(angles)], -1)
    square = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[np.arange(corners) % 4]
    clouds = []
    for parts in (_KINDS[kind] for kind in SCENE_KINDS):
        rows = []
        for part in parts:
            part = parts[0] if part is _NOTHING else part
            middle, half = 0.5 * (part.z0 + part.z1), 0.5 * (part.z1 - part.z0)
            for z in middle - half * np.cos(np.linspace(0, np.pi, levels)):
                if part.w < _FAR:
                    plane = square * [part.w - part.k * z, part.v]
                else:
                    plane = circle * np.sqrt(max(-(part.a * z * z + part.b * z + part.c), 0.0))
                rows.append(np.concatenate([plane, np.full([corners, 1], z)], 1))
        clouds.append(np.concatenate(rows))
    return np.stack(clouds)


_OUTLINES = _outlines()


def _boxes(scenery, kinds):
    """The boxes around the projections: top, left, bottom, right in [0, 1]; [B, 4, 4]."""
    points = tf.gather(tf.constant(_OUTLINES), kinds)
    points *= scenery["radii"][..., tf.newaxis, tf.newaxis]
    cosine, sine = (scenery["turns"][..., i, tf.newaxis] for i in range(2))
    x = cosine * points[..., 0] - sine * points[..., 1] + scenery["positions"][..., :1]
    y = sine * points[..., 0] + cosine * points[..., 1] + scenery["positions"][..., 1:]
    z = points[..., 2] - LOOK_AT
    elevation = scenery["elevation"][:, tf.newaxis, tf.newaxis]
    distance = scenery["distance"][:, tf.newaxis, tf.newaxis]
    ahead = TANGENT * (distance + y * tf.cos(elevation) - z * tf.sin(elevation))
    across, down = x / ahead, -(y * tf.sin(elevation) + z * tf.cos(elevation)) / ahead
    box = [
        tf.reduce_min(down, -1),
        tf.reduce_min(across, -1),
        tf.reduce_max(down, -1),
        tf.reduce_max(across, -1),
    ]
    return 0.5 * (1.0 + tf.stack(box, -1))
