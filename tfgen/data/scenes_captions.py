"""Captions of scenes: a description of a scene, and the grammar that speaks of it."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from tfgen.data.scenes_words import (
    COLOUR_WORDS,
    CONTEXT_PHRASES,
    CONTEXT_PLACES,
    GENERIC_NOUNS,
    NOUNS,
    NUMBERS,
    RELATION_PHRASES,
    SIDE_PHRASES,
    SIZE_WORDS,
)

__all__ = ["NUMBERS_EACH", "TRIES", "SceneDescription", "SceneObject", "scene_captions"]

NUMBERS_EACH = 64
"""Uniform numbers that one caption may consume."""
TRIES = 9
"""Captions drawn for an image, of which the first distinct ones are kept."""

_COLUMN_MARGIN = 0.08
_DEPTH_MARGIN = 0.45
_NEAR = 1.5
_SIDE_MARGIN = 0.08
_NUMBER_WORDS = {number: word for word, number in NUMBERS.items()}


class SceneObject(NamedTuple):
    """What captions can say of one object.

    `column` is the horizontal middle of its box, 0 at the left and 1 at the right edge of the
    picture; `right` and `forward` are its place on the ground, seen from the camera.
    """

    kind: str
    colour: str
    size: str
    column: float
    right: float
    forward: float


class SceneDescription(NamedTuple):
    """What captions can say of a scene: where it is and which objects it has."""

    context: str
    objects: Tuple[SceneObject, ...]

    def holds(self, relation: str, a: int, b: int) -> bool:
        """Whether object a is "left", "right", "front", "behind" or "near" of object b.

        Left and right are as seen in the picture, by 8 % of its width at least; front is nearer to
        the camera by 0.45 at least; near is closer than 1.5 on the ground (a large ball has
        radius 0.55).
        """
        first, second = self.objects[a], self.objects[b]
        across = first.column - second.column
        along = first.forward - second.forward
        return {
            "left": across < -_COLUMN_MARGIN,
            "right": across > _COLUMN_MARGIN,
            "front": along < -_DEPTH_MARGIN,
            "behind": along > _DEPTH_MARGIN,
            "near": math.hypot(first.right - second.right, along) < _NEAR,
        }[relation]

    def between(self, a: int, b: int, c: int) -> bool:
        """Whether object a stands between b and c in the picture, from left to right."""
        return (self.holds("left", b, a) and self.holds("left", a, c)) or (
            self.holds("left", c, a) and self.holds("left", a, b)
        )

    def on_side(self, side: str, a: int) -> bool:
        """Whether object a is plainly in the "left" or "right" half of the picture."""
        offset = self.objects[a].column - 0.5
        return offset < -_SIDE_MARGIN if side == "left" else offset > _SIDE_MARGIN


def scene_captions(scene: SceneDescription, numbers: np.ndarray, count: int = 5) -> Tuple[str, ...]:
    """Captions that are true of a scene.

    Each names some or all of the objects, with some of their attributes, and may say where they
    are, how they stand to each other and how many there are. 'a ball' says that there is one at
    least; 'two balls' that there are exactly two; objects named apart are different ones.

    ```python
    ball = SceneObject("ball", "red", "small", column=0.3, right=-1.0, forward=0.0)
    scene = SceneDescription("lawn", (ball,))
    numbers = np.full([TRIES, NUMBERS_EACH], 0.4)
    scene_captions(scene, numbers, count=1)[0]       # 'a red ball on the lawn', or the like
    ```

    Args:
      scene: with 1 to 4 objects.
      numbers: uniform on [0, 1), shape [TRIES, NUMBERS_EACH].
      count: captions wanted. They differ, unless too few of the tries do.

    Returns:
      `count` captions in lower case without punctuation but for commas.
    """
    captions: List[str] = []
    spare: List[str] = []
    for row in numbers:
        caption = _caption(scene, _Draws(row))
        (spare if caption in captions else captions).append(caption)
        if len(captions) == count:
            break
    return tuple((captions + spare)[:count])


class _Draws:
    """Uniform numbers, used up one by one."""

    def __init__(self, numbers):
        self._numbers = iter(numbers)

    def chance(self, share: float) -> bool:
        return next(self._numbers) < share

    def pick(self, items: Sequence):
        return items[min(int(next(self._numbers) * len(items)), len(items) - 1)]

    def shuffled(self, items: Sequence) -> list:
        rest, result = list(items), []
        while rest:
            result.append(rest.pop(min(int(next(self._numbers) * len(rest)), len(rest) - 1)))
        return result


def _caption(scene: SceneDescription, draws: _Draws) -> str:
    speakers = [_listing, _listing, _listing, _grouping, _grouping, _place]
    if len(scene.objects) > 1:
        speakers += [_relation, _relation, _relation, _relation, _sides]
    if len(scene.objects) > 2:
        speakers += [_between]
    speaker = draws.pick(speakers)
    # A speaker returns None when nothing of its kind is true of the scene.
    return speaker(scene, draws) or _listing(scene, draws)


def _listing(scene, draws) -> str:
    phrases = _noun_phrases(scene, _some_objects(scene, draws), draws)
    return _frame(scene, _join(phrases, draws), len(phrases) > 1, draws)


def _grouping(scene, draws) -> str:
    """Objects by number: all together, or those of one kind or one colour."""
    total = len(scene.objects)
    by = draws.pick(("kind", "kind", "kind", "colour", "all"))
    if by == "all" and total > 1:
        subject = f"{_NUMBER_WORDS[total]} {draws.pick(GENERIC_NOUNS)[1]}"
        return _frame(scene, subject, True, draws)
    by = "kind" if by == "all" else by
    values = [getattr(thing, by) for thing in scene.objects]
    phrases, many = [], False
    for value in draws.shuffled(sorted(set(values))):
        members = [i for i, other in enumerate(values) if other == value]
        if len(members) == 1:
            phrases += _noun_phrases(scene, members, draws)
            continue
        many = True
        if by == "kind":
            nouns = draws.pick(NOUNS[value])[1]
        else:
            kinds = {scene.objects[i].kind for i in members}
            same = len(kinds) == 1
            nouns = draws.pick(NOUNS[kinds.pop()] if same else GENERIC_NOUNS)[1]
            nouns = f"{draws.pick(COLOUR_WORDS[value])} {nouns}"
        phrases.append(f"{_NUMBER_WORDS[len(members)]} {nouns}")
    if len(phrases) > 1 and draws.chance(0.2):
        phrases = phrases[:-1]
    many = many or len(phrases) > 1
    return _frame(scene, _join(phrases, draws), many and not _is_single(phrases), draws)


def _is_single(phrases) -> bool:
    return len(phrases) == 1 and phrases[0].split()[0] not in NUMBERS


def _place(scene, draws) -> str:
    total = len(scene.objects)
    if total > 1 and draws.chance(0.3):
        content = f"{_NUMBER_WORDS[total]} {draws.pick(GENERIC_NOUNS)[1]}"
    else:
        content = _join(_noun_phrases(scene, _some_objects(scene, draws), draws), draws)
    return f"{draws.pick(CONTEXT_PLACES[scene.context])} with {content}"


def _relation(scene, draws):
    pairs = [
        (a, b, relation)
        for a in range(len(scene.objects))
        for b in range(len(scene.objects))
        for relation in RELATION_PHRASES
        if a != b and scene.holds(relation, a, b)
    ]
    if not pairs:
        return None
    a, b, relation = draws.pick(pairs)
    relation = draws.pick(RELATION_PHRASES[relation])
    form = draws.pick(("plain", "plain", "verb", "there", "inverted"))
    inverted = form == "inverted"
    # In the order of the words: it is the later one that may be 'another'.
    first, second = _noun_phrases(scene, [b, a] if inverted else [a, b], draws)
    if inverted:
        first, second = second, first
        verb = draws.pick(("is", "there is", "stands"))
        said = f"{relation} {second} {verb} {first}"
    else:
        middle = {"plain": " ", "verb": draws.pick((" is ", " stands ")), "there": " "}[form]
        said = f"{'there is ' if form == 'there' else ''}{first}{middle}{relation} {second}"
    return _with_context(scene, said, draws, in_front=not inverted)


def _sides(scene, draws):
    sides = {
        side: [i for i in range(len(scene.objects)) if scene.on_side(side, i)]
        for side in SIDE_PHRASES
    }
    if not sides["left"] or not sides["right"]:
        return None
    order = draws.shuffled(list(SIDE_PHRASES))
    chosen = [draws.pick(sides[side]) for side in order]
    phrases = _noun_phrases(scene, chosen, draws)
    long = int(draws.chance(0.4))
    parts = [f"{p} {SIDE_PHRASES[side][long]}" for p, side in zip(phrases, order)]
    return _with_context(scene, " and ".join(parts), draws)


def _between(scene, draws):
    places = range(len(scene.objects))
    triples = [
        (a, b, c)
        for a in places
        for b in places
        for c in places
        if len({a, b, c}) == 3 and scene.between(a, b, c)
    ]
    if not triples:
        return None
    first, second, third = _noun_phrases(scene, draws.pick(triples), draws)
    verb = draws.pick((" ", " is ", " stands "))
    return _with_context(scene, f"{first}{verb}between {second} and {third}", draws)


def _some_objects(scene, draws) -> list:
    order = draws.shuffled(range(len(scene.objects)))
    if len(order) == 1 or draws.chance(0.55):
        return order
    return order[: draws.pick(range(1, len(order)))]


def _noun_phrases(scene, chosen, draws) -> List[str]:
    """'a small red ball', ...; 'another ...' where a phrase comes for the second time."""
    phrases, said = [], []
    for i in chosen:
        thing = scene.objects[i]
        words = []
        if draws.chance(0.35):
            words.append(draws.pick(SIZE_WORDS[thing.size]))
        coloured = draws.chance(0.8)
        if coloured:
            words.append(draws.pick(COLOUR_WORDS[thing.colour]))
        generic = coloured and draws.chance(0.06)
        words.append(draws.pick(GENERIC_NOUNS if generic else NOUNS[thing.kind])[0])
        phrase = " ".join(words)
        if phrase in said:
            article = "another"
        else:
            article = "an" if phrase[0] in "aeiou" else "a"
        said.append(phrase)
        phrases.append(f"{article} {phrase}")
    return phrases


def _join(phrases, draws) -> str:
    if len(phrases) == 1:
        return phrases[0]
    if len(phrases) == 2 and draws.chance(0.25):
        return f"{phrases[0]} with {phrases[1]}"
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def _frame(scene, subject: str, plural: bool, draws) -> str:
    """A sentence, or half of one, about the subject."""
    be = "are" if plural and " with " not in subject else "is"
    form = draws.pick(("bare", "bare", "bare", "there", "verb", "picture", "see"))
    if form == "verb":
        verbs = ("stand", "are standing", "are") if be == "are" else ("stands", "is standing", "is")
        return f"{subject} {draws.pick(verbs)} {_context(scene, draws)}"
    start = {
        "bare": "",
        "there": f"there {be} ",
        "picture": draws.pick(("a picture of ", "a photo of ", "an image of ")),
        "see": draws.pick(("we see ", "you can see ")),
    }[form]
    return _with_context(scene, f"{start}{subject}", draws, in_front=form != "picture")


def _with_context(scene, said: str, draws, in_front: bool = True) -> str:
    where = draws.chance(0.6)
    if not where:
        return said
    context = _context(scene, draws)
    if in_front and draws.chance(0.25):
        return f"{context}, {said}"
    return f"{said} {context}"


def _context(scene, draws) -> str:
    return draws.pick(CONTEXT_PHRASES[scene.context])
