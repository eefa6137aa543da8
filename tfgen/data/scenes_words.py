"""The words of the captions of scenes: kinds, colours, sizes, grounds, relations, numbers."""

from __future__ import annotations

from typing import Dict, Tuple

__all__ = [
    "COLOUR_WORDS",
    "CONTEXT_PHRASES",
    "CONTEXT_PLACES",
    "GENERIC_NOUNS",
    "MOST_OBJECTS",
    "NOUNS",
    "NUMBERS",
    "RELATION_PHRASES",
    "SCENE_COLOURS",
    "SCENE_CONTEXTS",
    "SCENE_KINDS",
    "SCENE_SIZES",
    "SIDE_PHRASES",
    "SIZE_WORDS",
]

MOST_OBJECTS = 4

NOUNS: Dict[str, Tuple[Tuple[str, str], ...]] = {
    "ball": (("ball", "balls"), ("sphere", "spheres")),
    "cube": (("cube", "cubes"), ("block", "blocks")),
    "cylinder": (("cylinder", "cylinders"), ("drum", "drums")),
    "cone": (("cone", "cones"),),
    "house": (("house", "houses"), ("hut", "huts")),
    "tree": (("tree", "trees"), ("fir", "firs")),
    "mushroom": (("mushroom", "mushrooms"), ("toadstool", "toadstools")),
    "pawn": (("pawn", "pawns"),),
}
"""Kind -> its nouns, each in singular and plural."""

GENERIC_NOUNS: Tuple[Tuple[str, str], ...] = (("object", "objects"), ("thing", "things"))
"""Nouns that fit every kind."""

COLOUR_WORDS: Dict[str, Tuple[str, ...]] = {
    "red": ("red",),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green",),
    "cyan": ("cyan", "turquoise"),
    "blue": ("blue",),
    "purple": ("purple", "violet"),
    "gray": ("gray",),
}

SIZE_WORDS: Dict[str, Tuple[str, ...]] = {"small": ("small", "little"), "large": ("large", "big")}

CONTEXT_PHRASES: Dict[str, Tuple[str, ...]] = {
    "lawn": ("on the lawn", "on the grass", "on a green lawn"),
    "beach": ("on the beach", "on the sand", "by the sea"),
    "snow": ("in the snow", "on a snowy field"),
    "night": ("at night", "under the stars", "in the dark"),
    "table": ("on the table", "on a wooden table"),
    "tiles": ("on the tiles", "on a tiled floor"),
    "road": ("on the road", "on the street"),
}
"""Context -> adverbials that say it."""

CONTEXT_PLACES: Dict[str, Tuple[str, ...]] = {
    "lawn": ("a lawn", "a meadow"),
    "beach": ("a beach", "a sandy beach"),
    "snow": ("a snowy field", "a white winter day"),
    "night": ("a starry night", "a dark night"),
    "table": ("a wooden table", "a table"),
    "tiles": ("a tiled floor", "a chequered floor"),
    "road": ("a road", "a street"),
}
"""Context -> what may have objects, as in 'a lawn with two balls'."""

RELATION_PHRASES: Dict[str, Tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "front": ("in front of",),
    "behind": ("behind",),
    "near": ("next to", "beside", "near"),
}

SIDE_PHRASES: Dict[str, Tuple[str, ...]] = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
}
"""Half of the picture -> phrases."""

NUMBERS: Dict[str, int] = {"two": 2, "three": 3, "four": 4}

SCENE_KINDS: Tuple[str, ...] = tuple(NOUNS)
SCENE_COLOURS: Tuple[str, ...] = tuple(COLOUR_WORDS)
SCENE_SIZES: Tuple[str, ...] = tuple(SIZE_WORDS)
SCENE_CONTEXTS: Tuple[str, ...] = tuple(CONTEXT_PHRASES)
