"""Pictures of scenes: a ray caster over the parts of the objects, grounds and backdrops.

All parts are an axis of the tensors, so the graph is small; every step is element-wise, a
reduction over the parts, or the look-up of the numbers of the part that a ray has met.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.rendering import reflectance
from tfgen.data.scenes_backdrops import ground_colour, light_of, sky_colour
from tfgen.data.scenes_geometry import LOOK_AT, TANGENT, SceneParts, Scenery, scene_parts
from tfgen.data.scenes_words import SCENE_COLOURS, SCENE_KINDS
from tfgen.data.two_objects import COLOUR_VALUES

__all__ = ["SCENE_COLOUR_VALUES", "first_objects", "render_scenes"]

Vector = Tuple[tf.Tensor, tf.Tensor, tf.Tensor]

SCENE_COLOUR_VALUES = {
    **COLOUR_VALUES,
    "gray": (125, 125, 125),
    "green": (35, 130, 30),
    "orange": (240, 125, 20),
}
"""sRGB in 0..255, of which `SCENE_COLOURS` are used."""

_FAR, _HORIZON = 1e6, 60.0
_GAMMA = 1.8
"""As in `reflectance`."""
_PALETTE = reflectance(np.array([SCENE_COLOUR_VALUES[name] for name in SCENE_COLOURS]) / 255.0)
_SECOND = {"house": (105, 60, 45), "tree": (135, 92, 55), "mushroom": (238, 225, 195)}
"""The colour of the second part; the other kinds' has the object's colour."""
_SECOND_COLOURS = reflectance(
    np.array([_SECOND.get(kind, (0, 0, 0)) for kind in SCENE_KINDS]) / 255.0
)
_HAS_SECOND = np.array([kind in _SECOND for kind in SCENE_KINDS])


def render_scenes(
    scene: Dict[str, tf.Tensor], image_size: int, supersampling: int = 2, jit_compile: bool = True
) -> tf.Tensor:
    """Renders scenes.

    Args:
      scene: as `draw_scenery` returns, and "context" int32 [B], "kinds", "colours" int32 [B, 4]
        (-1 where there is no object).
      image_size: height and width of the picture.
      supersampling: rays a pixel along each side.
      jit_compile: lets XLA fuse each of three stages, which makes them faster, for some seconds of
        compilation at the start.

    Returns:
      uint8 [B, image_size, image_size, 3].
    """
    parts = scene_parts(scene, scene["kinds"])
    find, cast_shadows, shade = _COMPILED if jit_compile else _PLAIN
    side = image_size * supersampling
    hit = find(parts, scene["elevation"], scene["distance"], side)
    lit = cast_shadows(parts, hit, scene["sun"])
    wanted = ("elevation", "distance", "sun", "phases", "radii", "positions", "context", "kinds")
    scenery = {name: scene[name] for name in (*wanted, "colours")}
    pixels = shade(parts, scenery, hit, lit)
    grouped = [-1, image_size, supersampling, image_size, supersampling, 3]
    pixels = tf.reduce_mean(tf.reshape(pixels, grouped), [2, 4])
    pixels = tf.pow(tf.clip_by_value(pixels, 0.0, 1.0), 1.0 / _GAMMA)
    return tf.cast(tf.round(255.0 * pixels), tf.uint8)


def first_objects(scene: Dict[str, tf.Tensor], size: int) -> Tuple[tf.Tensor, tf.Tensor]:
    """Which object each of size x size rays meets first, and which it would meet at all.

    Returns:
      int32 [B, size, size], -1 where there is none; bool [B, 4, size, size].
    """
    parts = scene_parts(scene, scene["kinds"])
    near, far = _intervals(parts, *_rays(scene["elevation"], scene["distance"], size))
    meets = near < far
    first = tf.argmin(tf.where(meets, near, _FAR), axis=1, output_type=tf.int32)
    first = tf.where(tf.reduce_any(meets, 1), first // 2, -1)
    return first, meets[:, 0::2] | meets[:, 1::2]


def _rays(elevation, distance, size: int) -> Tuple[Vector, Vector]:
    """The camera [B, 1, 1, 1] and the directions [B, 1, size, size], of length 1."""
    steps = tf.constant(TANGENT * ((2 * np.arange(size) + 1) / size - 1), tf.float32)
    across, up = tf.meshgrid(steps, -steps)
    cosine, sine = (f(elevation)[:, tf.newaxis, tf.newaxis] for f in (tf.cos, tf.sin))
    distance = distance[:, tf.newaxis, tf.newaxis]
    camera = (tf.zeros_like(distance), -distance * cosine, LOOK_AT + distance * sine)
    direction = (across * tf.ones_like(cosine), cosine + up * sine, up * cosine - sine)
    length = tf.math.rsqrt(1.0 + across * across + up * up)
    direction = tuple((value * length)[:, tf.newaxis] for value in direction)
    return tuple(value[:, tf.newaxis] for value in camera), direction


class _Hit(NamedTuple):
    """What the rays meet: the part (-1: none, so ground or sky), where, how far; [B, S, S]."""

    which: tf.Tensor
    falls: tf.Tensor
    reach: tf.Tensor
    point: Vector
    direction: Vector


def _find(parts: SceneParts, elevation, distance, size: int) -> _Hit:
    """First stage: what each ray meets."""
    camera, direction = _rays(elevation, distance, size)
    near, far = _intervals(parts, camera, direction)
    near = tf.where(near < far, near, _FAR)
    which = tf.argmin(near, axis=1, output_type=tf.int32)
    near = tf.reduce_min(near, 1)
    camera, direction = (tuple(value[:, 0] for value in vector) for vector in (camera, direction))
    falls = direction[2] < -1e-3
    ground = tf.minimum(-camera[2] / tf.minimum(direction[2], -1e-3), _HORIZON)
    reach = tf.where(near < _FAR, near, tf.where(falls, ground, _HORIZON))
    point = tuple(o + d * reach for o, d in zip(camera, direction))
    return _Hit(tf.where(near < _FAR, which, -1), falls, reach, point, direction)


def _cast_shadows(parts: SceneParts, hit: _Hit, sun) -> tf.Tensor:
    """Second stage: 1 where the sun reaches, 0 in a shadow, [B, S, S].

    A part, being convex, throws no shadow on itself.
    """
    origin = [value[:, tf.newaxis] for value in hit.point]
    direction = [sun[:, i, tf.newaxis, tf.newaxis, tf.newaxis] for i in range(3)]
    near, far = _intervals(parts, origin, direction)
    parts_axis = tf.range(parts.x.shape[1])[:, tf.newaxis, tf.newaxis]
    others = hit.which[:, tf.newaxis] != parts_axis
    blocked = tf.reduce_any(others & (near < far) & (far > 1e-3), 1)
    return tf.where(blocked, 0.0, 1.0)


def _intervals(parts: SceneParts, origin: Vector, direction: Vector):
    """Distances at which rays enter and leave the parts, [B, parts, S, S].

    Entering >= leaving means that a ray misses. Origins and directions are [B, 1, ...].
    """

    def spread(value):
        return value[:, :, tf.newaxis, tf.newaxis]

    cosine, sine = spread(parts.cosine), spread(parts.sine)
    a, b, c, z0, z1, w, v, k = (spread(parts.numbers[..., i]) for i in range(8))
    x, y = origin[0] - spread(parts.x), origin[1] - spread(parts.y)
    x, y, z = cosine * x + sine * y, cosine * y - sine * x, origin[2]
    dx = cosine * direction[0] + sine * direction[1]
    dy = cosine * direction[1] - sine * direction[0]
    dz = direction[2]

    square = dx * dx + dy * dy + a * dz * dz
    square = tf.where(tf.abs(square) < 1e-7, 1e-7, square)
    half = x * dx + y * dy + a * z * dz + 0.5 * b * dz
    rest = x * x + y * y + (a * z + b) * z + c
    discriminant = half * half - square * rest
    root = tf.sqrt(tf.maximum(discriminant, 0.0))
    first, second = (-half - root) / square, (-half + root) / square
    # A cone opens downwards for ever: a steep ray is inside it below, and in its mirror image
    # above, which the slab of heights cuts away.
    steep, falls = square < 0.0, dz < 0.0
    low, high = tf.minimum(first, second), tf.maximum(first, second)
    near = tf.where(steep, tf.where(falls, high, -_FAR), low)
    far = tf.where(steep, tf.where(falls, _FAR, low), high)
    far = tf.where(discriminant > 0.0, far, -_FAR)

    slope = tf.where(tf.abs(dz) < 1e-6, 1e-6, dz)
    bottom, top = (z0 - z) / slope, (z1 - z) / slope
    near = tf.maximum(near, tf.minimum(bottom, top))
    far = tf.minimum(far, tf.maximum(bottom, top))
    for speed, room in (
        (dx + k * dz, w - x - k * z),
        (-dx + k * dz, w + x - k * z),
        (dy, v - y),
        (-dy, v + y),
    ):
        time = room / tf.where(tf.abs(speed) < 1e-6, 1e-6, speed)
        leaving = speed > -1e-6
        far = tf.where(leaving, tf.minimum(far, time), far)
        near = tf.where(leaving, near, tf.maximum(near, time))
    return near, far


def _shade(parts: SceneParts, scene: Scenery, hit: _Hit, lit):
    """Third stage: the light that the rays see, linear, [B, S, S, 3]."""
    ambient, sun_light = (value[:, tf.newaxis, tf.newaxis] for value in light_of(scene["context"]))
    sun = [scene["sun"][:, i, tf.newaxis, tf.newaxis] for i in range(3)]
    is_object, point, direction = hit.which >= 0, hit.point, hit.direction
    normal, colour = _surfaces(parts, scene, point, tf.maximum(hit.which, 0))
    zero, one = tf.zeros_like(lit), tf.ones_like(lit)
    normal = [tf.where(is_object, n, f) for n, f in zip(normal, (zero, zero, one))]
    ground, upright = ground_colour(scene["context"], scene["phases"], point, hit.reach)
    colour = tf.where(is_object[..., tf.newaxis], colour, ground)

    facing = tf.nn.relu(sum(n * s for n, s in zip(normal, sun)))
    glance = [d - s for d, s in zip(direction, sun)]
    glance_length = tf.math.rsqrt(sum(g * g for g in glance) + 1e-9)
    shine = tf.nn.relu(-sum(n * g for n, g in zip(normal, glance)) * glance_length)
    shine = tf.where(is_object, 0.25 * tf.pow(shine, 40.0) * lit, 0.0)
    open_sky = tf.where(is_object, 0.75 + 0.25 * normal[2], _open_sky(scene, point))
    light = ambient * open_sky[..., tf.newaxis] + sun_light * (facing * lit)[..., tf.newaxis]
    seen = colour * light + sun_light * shine[..., tf.newaxis]
    sky = sky_colour(scene["context"], scene["phases"], direction)
    # What stands upright at the back (a wall, the sea) has a light of its own.
    seen = tf.where((upright & ~is_object)[..., tf.newaxis], ground, seen)
    return tf.where((is_object | hit.falls)[..., tf.newaxis], seen, sky)


def _surfaces(parts: SceneParts, scene: Scenery, point, which):
    """Outward normals and colours [B, S, S, 3] of the parts `which` at points on them."""
    kinds, colours = tf.maximum(scene["kinds"], 0), tf.maximum(scene["colours"], 0)
    main = tf.gather(tf.constant(_PALETTE), colours)
    second = tf.where(
        tf.gather(tf.constant(_HAS_SECOND), kinds)[..., tf.newaxis],
        tf.gather(tf.constant(_SECOND_COLOURS), kinds),
        main,
    )
    count, size = parts.x.shape[1], which.shape[1]
    colours = tf.reshape(tf.stack([main, second], 2), [-1, count, 3])
    places = tf.stack([parts.x, parts.y, parts.cosine, parts.sine], -1)
    rows = tf.concat([places, parts.numbers, colours], -1)
    # A product with indicators is exact, and faster than looking rows up.
    chosen = tf.one_hot(tf.reshape(which, [-1, size * size]), count)
    found = tf.reshape(tf.matmul(chosen, rows), [-1, size, size, rows.shape[-1]])
    px, py, cosine, sine, a, b, c, z0, z1, w, v, k = tf.unstack(found[..., :12], axis=-1)
    x, y, z = point[0] - px, point[1] - py, point[2]
    x, y = cosine * x + sine * y, cosine * y - sine * x
    value = x * x + y * y + (a * z + b) * z + c
    gradient = [2.0 * x, 2.0 * y, 2.0 * a * z + b]
    length = tf.sqrt(sum(g * g for g in gradient) + 1e-9)
    lean = tf.math.rsqrt(1.0 + k * k)
    # How far inside each bounding surface the point is; it lies on the one with the greatest.
    depths = tf.stack(
        [value / length, z - z1, z0 - z, (tf.abs(x) + k * z - w) * lean, tf.abs(y) - v], -1
    )
    on = tf.argmax(depths, axis=-1, output_type=tf.int32)
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    choices = [
        [g / length for g in gradient],
        [zero, zero, one],
        [zero, zero, -one],
        [tf.sign(x) * lean, zero, k * lean],
        [zero, tf.sign(y), zero],
    ]
    normal = [zero, zero, zero]
    for number, choice in enumerate(choices):
        here = on == number
        normal = [tf.where(here, new, old) for new, old in zip(choice, normal)]
    normal = [
        cosine * normal[0] - sine * normal[1],
        cosine * normal[1] + sine * normal[0],
        normal[2],
    ]
    return normal, found[..., 12:]


def _open_sky(scene: Scenery, point):
    """The part of the sky that ground points see: darker near the objects' feet."""
    result = tf.ones_like(point[0])
    for i in range(scene["radii"].shape[1]):
        x, y = (scene["positions"][:, i, j, tf.newaxis, tf.newaxis] for j in range(2))
        radius = scene["radii"][:, i, tf.newaxis, tf.newaxis]
        squared = ((point[0] - x) ** 2 + (point[1] - y) ** 2) / (radius * radius + 1e-6)
        result *= 1.0 - tf.where(radius > 0, 0.4, 0.0) * tf.exp(-0.9 * squared)
    return result


_PLAIN = (_find, _cast_shadows, _shade)
_COMPILED = tuple(tf.function(stage, jit_compile=True, autograph=False) for stage in _PLAIN)
