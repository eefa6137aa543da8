"""Grounds, skies and light of the contexts of scenes: tables of colours, and smooth textures."""

from __future__ import annotations

from typing import NamedTuple, Tuple

import numpy as np
import tensorflow as tf

from tfgen.data.rendering import reflectance
from tfgen.data.scenes_words import SCENE_CONTEXTS

__all__ = ["ground_colour", "light_of", "sky_colour"]

RGB = Tuple[int, int, int]


class _Backdrop(NamedTuple):
    """One context; colours are sRGB in 0..255, shares lie in [0, 1]."""

    ground: Tuple[RGB, RGB]
    sky: Tuple[RGB, RGB]
    grain: float = 0.0
    planks: float = 0.0
    ripples: float = 0.0
    checks: float = 0.0
    dashes: float = 0.0
    edge: float = 1e3
    beyond: RGB = (0, 0, 0)
    clouds: float = 0.0
    stars: float = 0.0
    skyline: float = 0.0
    ambient: float = 0.5
    sun: float = 0.7
    tint: Tuple[float, float, float] = (1.0, 1.0, 1.0)


_BACKDROPS = {
    "lawn": _Backdrop(
        ((52, 112, 30), (112, 172, 62)), ((190, 220, 248), (95, 160, 240)), grain=1.0, clouds=0.9
    ),
    "beach": _Backdrop(
        ((206, 176, 116), (240, 220, 165)),
        ((222, 240, 252), (120, 195, 245)),
        *(0.6, 0.0, 0.4),
        edge=5.0,
        beyond=(38, 125, 170),
    ),
    "snow": _Backdrop(
        ((214, 224, 240), (250, 252, 255)), ((206, 214, 224), (160, 172, 190)), grain=0.8
    ),
    "night": _Backdrop(
        ((44, 52, 60), (68, 78, 82)),
        ((34, 38, 84), (8, 8, 32)),
        grain=1.0,
        stars=1.0,
        ambient=0.48,
        sun=0.5,
        tint=(0.85, 0.92, 1.15),
    ),
    "table": _Backdrop(
        ((112, 68, 34), (172, 112, 62)),
        ((226, 210, 184), (226, 210, 184)),
        planks=1.0,
        edge=3.0,
        beyond=(226, 210, 184),
    ),
    "tiles": _Backdrop(
        ((62, 70, 84), (236, 236, 232)),
        ((140, 176, 172), (140, 176, 172)),
        checks=1.0,
        edge=4.2,
        beyond=(140, 176, 172),
    ),
    "road": _Backdrop(
        ((62, 62, 66), (92, 92, 96)),
        ((214, 216, 222), (172, 186, 206)),
        grain=1.0,
        dashes=1.0,
        skyline=1.0,
    ),
}
_HAZE = 12.0
_CLOUD, _STAR, _BUILDING, _LINE = (
    reflectance(np.array(colour) / 255.0)
    for colour in ((255, 255, 255), (255, 250, 220), (120, 124, 136), (245, 240, 215))
)


def _column(name: str) -> np.ndarray:
    return np.array([getattr(_BACKDROPS[c], name) for c in SCENE_CONTEXTS], np.float32)


def _colours(values) -> np.ndarray:
    return reflectance(np.array(values) / 255.0)


_LOW, _HIGH = (_colours([_BACKDROPS[c].ground[i] for c in SCENE_CONTEXTS]) for i in range(2))
_SKY_LOW, _SKY_HIGH = (_colours([_BACKDROPS[c].sky[i] for c in SCENE_CONTEXTS]) for i in range(2))
_BEYOND = _colours([_BACKDROPS[c].beyond for c in SCENE_CONTEXTS])


def light_of(context: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """Ambient light and sunlight of contexts [B], each [B, 3]."""
    tint = _column("tint")
    return tuple(
        tf.gather(tf.constant(_column(name)[:, np.newaxis] * tint), context)
        for name in ("ambient", "sun")
    )


def ground_colour(context, phases, point, reach):
    """Colour of the ground at points, and whether it is rather something upright behind it.

    Args:
      context: int32 [B].
      phases: float32 [B, 4] in [0, 1): which piece of the texture is seen.
      point: x, y, z, each [B, S, S].
      reach: [B, S, S], distance from the camera, with which textures fade.

    Returns:
      [B, S, S, 3] and bool [B, S, S].
    """
    x, y, _ = point
    phase = [2 * np.pi * phases[:, i, tf.newaxis, tf.newaxis] for i in range(4)]
    share = {
        name: _of(context, _column(name))
        for name in ("grain", "planks", "ripples", "checks", "dashes", "edge")
    }
    grain = 0.0
    for scale, weight in ((1.0, 0.3), (2.7, 0.2)):
        u, v = scale * x, scale * y
        grain += weight * tf.sin(5.1 * u + 2.3 * tf.sin(3.1 * v + phase[0]) + phase[1])
        grain += weight * tf.sin(6.3 * v + 2.1 * tf.sin(4.3 * u + phase[2]) + phase[3])
    fade = tf.exp(-reach / _HAZE)
    boards = tf.sin(7.0 * x + 1.5 * tf.sin(0.9 * y + phase[0]) + phase[1])
    # A dark gap between boards of width 1.
    gap = tf.cos(2 * np.pi * x + phase[2])
    boards = 0.55 * boards - 1.6 * tf.nn.sigmoid(40.0 * (gap - 0.93))
    ripples = tf.sin(6.0 * y + 0.8 * tf.sin(1.3 * x + phase[0]) + phase[1])
    checks = tf.sign(tf.sin(3.3 * x + phase[0])) * tf.sign(tf.sin(3.3 * y + phase[1]))
    pattern = share["grain"] * grain + share["planks"] * boards
    pattern = fade * (pattern + share["ripples"] * ripples) + share["checks"] * checks
    mix = tf.clip_by_value(0.5 + 0.5 * pattern, 0.0, 1.0)[..., tf.newaxis]
    low, high = (_of(context, table) for table in (_LOW, _HIGH))
    colour = low + (high - low) * mix
    lane = tf.abs(x - (phases[:, 0, tf.newaxis, tf.newaxis] - 0.5)) < 0.11
    dash = lane & (tf.sin(2.4 * y + phase[1]) > -0.2) & (share["dashes"] > 0.0)
    colour = tf.where(dash[..., tf.newaxis], _LINE, colour)
    upright = y > share["edge"]
    return tf.where(upright[..., tf.newaxis], _of(context, _BEYOND), colour), upright


def sky_colour(context, phases, direction):
    """Colour of the sky in directions (x, y, z, each [B, S, S]); [B, S, S, 3]."""
    x, y, z = direction
    azimuth = x / tf.maximum(y, 0.1)
    height = tf.clip_by_value(z, 0.0, 1.0)
    phase = [2 * np.pi * phases[:, i, tf.newaxis, tf.newaxis] for i in range(4)]
    low, high = (_of(context, table) for table in (_SKY_LOW, _SKY_HIGH))
    colour = low + (high - low) * tf.clip_by_value(7.0 * height, 0.0, 1.0)[..., tf.newaxis]
    puffs = tf.sin(9.0 * azimuth + 1.7 * tf.sin(31.0 * z + phase[0]) + phase[1])
    puffs += tf.sin(38.0 * z + 2.0 * tf.sin(7.0 * azimuth + phase[2]) + phase[3])
    cloud = _of(context, _column("clouds")) * tf.nn.sigmoid(4.0 * (puffs - 0.5))
    colour += cloud[..., tf.newaxis] * (_CLOUD - colour)
    # A star where two slanting waves have their crests at once, in every second stretch; a moon.
    twinkle = tf.cos(67.0 * azimuth + 31.0 * z + phase[0])
    twinkle += tf.cos(113.0 * z - 29.0 * azimuth + phase[1])
    twinkle += tf.minimum(tf.sin(23.0 * azimuth + 41.0 * z + phase[2]), 0.0)
    moon = (azimuth - 0.6 * (phases[:, 3, tf.newaxis, tf.newaxis] - 0.5)) ** 2 + (z - 0.07) ** 2
    star = tf.nn.sigmoid(25.0 * (twinkle - 1.8)) + tf.nn.sigmoid(8.0 - 8.0 * moon / 6e-4)
    star = tf.clip_by_value(_of(context, _column("stars")) * star, 0.0, 1.0)
    colour += star[..., tf.newaxis] * (_STAR - colour)
    block = tf.floor(11.0 * azimuth + phase[0])
    roof = 0.045 + 0.035 * tf.sin(2.7 * block + phase[1])
    building = (z < roof) & (_of(context, _column("skyline")) > 0.0)
    return tf.where(building[..., tf.newaxis], _BUILDING, colour)


def _of(context, table):
    """The row of each example's context, broadcast over its pixels."""
    rows = tf.gather(tf.constant(table), context)
    return rows[:, tf.newaxis, tf.newaxis]
