"""What a caption of a scene says, read back from its words, and whether that is true."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tfgen.data.scenes_captions import SceneDescription
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
from tfgen.data.two_objects_text import SentenceError

__all__ = ["CaptionCheck", "Mention", "SceneFacts", "check_scene_caption", "read_scene_caption"]

Objects = Tuple[int, ...]


class Mention(NamedTuple):
    """What is said of one object, or of a group; None is not said.

    `number` is 1 for 'a red ball' (one at least) and more for 'two red balls' (exactly two).
    """

    number: int
    kind: Optional[str] = None
    colour: Optional[str] = None
    size: Optional[str] = None


class SceneFacts(NamedTuple):
    """What a caption says.

    Attributes:
      context: where the scene is, or None.
      mentions: objects and groups, in the order of the words.
      relations: (relation, a, b), positions in `mentions`: a is left of b, ...
      between: (a, b, c): a is between b and c.
      sides: (side, a): a is in that half of the picture.
    """

    context: Optional[str]
    mentions: Tuple[Mention, ...]
    relations: Tuple[Tuple[str, int, int], ...] = ()
    between: Tuple[Tuple[int, int, int], ...] = ()
    sides: Tuple[Tuple[str, int], ...] = ()


class CaptionCheck(NamedTuple):
    """How a caption and a scene agree.

    Attributes:
      readable: the caption is of the grammar. If not, all else is false or 0.
      true: all that it says is true at once, with objects and groups named apart being different
        ones: 'two balls and a ball' is not true of two balls.
      mentions, true_mentions: how many objects and groups are named, and how many of them are
        there (as many as can be told apart).
      relations, true_relations: how many relations (also 'between' and sides) are said, and how
        many of them hold, in the reading of the mentions that makes most of them true.
      context: whether the context named is the scene's; None if none is named.
    """

    readable: bool
    true: bool = False
    mentions: int = 0
    true_mentions: int = 0
    relations: int = 0
    true_relations: int = 0
    context: Optional[bool] = None


def _phrase_table() -> Dict[str, Tuple]:
    table: Dict[str, Tuple] = {}

    def enter(words, symbol):
        for word in words:
            assert table.setdefault(word, symbol) == symbol, f"{word!r} has two meanings"

    for context in CONTEXT_PHRASES:
        enter(CONTEXT_PHRASES[context], ("context", context))
        enter([f"{place} with" for place in CONTEXT_PLACES[context]], ("place", context))
    for relation, phrases in RELATION_PHRASES.items():
        enter(phrases, ("relation", relation))
    for side, phrases in SIDE_PHRASES.items():
        enter(phrases, ("side", side))
    for kind, nouns in NOUNS.items():
        enter([noun for noun, _ in nouns], ("noun", kind, False))
        enter([noun for _, noun in nouns], ("noun", kind, True))
    enter([noun for noun, _ in GENERIC_NOUNS], ("noun", None, False))
    enter([noun for _, noun in GENERIC_NOUNS], ("noun", None, True))
    for name, words in (("colour", COLOUR_WORDS), ("size", SIZE_WORDS)):
        for value, synonyms in words.items():
            enter(synonyms, (name, value))
    for word, number in NUMBERS.items():
        enter([word], ("number", number))
    enter(["a", "an", "another"], ("number", 1))
    enter(["between"], ("between",))
    enter(["and", ",", "with"], ("and",))
    enter(["there is", "there are", "is", "are", "stands", "stand"], ("verb",))
    enter(["is standing", "are standing"], ("verb",))
    enter(["a picture of", "a photo of", "an image of", "we see", "you can see"], ("opening",))
    return table


_PHRASES = _phrase_table()
_PATTERN = re.compile(
    r"\s*(?:("
    + "|".join(re.escape(p) for p in sorted(_PHRASES, key=len, reverse=True))
    + r")(?=[\s,]|$)|(\S+))"
)


def read_scene_caption(text: str) -> SceneFacts:
    """Reads what a caption says.

    >>> read_scene_caption("two balls behind a red cone at night").relations
    (('behind', 0, 1),)

    Args:
      text: a caption as `scenes` makes them; case and a full stop do not matter.

    Raises:
      SentenceError: it is not of the grammar; the message says at which word.
    """
    symbols = _symbols(text)
    contexts = {symbol[1] for symbol in symbols if symbol[0] in ("context", "place")}
    if len(contexts) > 1:
        raise SentenceError(f"'{text}' names {len(contexts)} places: {sorted(contexts)}.")
    mentions: List[Mention] = []
    markers: List[Tuple] = []
    position = 0
    while position < len(symbols):
        if symbols[position][0] in ("number", "size", "colour", "noun"):
            mention, position = _read_mention(text, symbols, position)
            mentions.append(mention)
        else:
            # A marker stands after so many mentions.
            markers.append((*symbols[position], len(mentions)))
            position += 1
    if not mentions:
        raise SentenceError(f"'{text}' names no object.")
    relations, between, sides = _read_markers(text, markers, len(mentions))
    context = contexts.pop() if contexts else None
    return SceneFacts(context, tuple(mentions), relations, between, sides)


def check_scene_caption(text: str, scene: SceneDescription) -> CaptionCheck:
    """Compares a caption with a scene; it may be any text, such as one that a model made."""
    try:
        facts = read_scene_caption(text)
    except SentenceError:
        return CaptionCheck(readable=False)
    choices = [_choices(mention, scene) for mention in facts.mentions]
    said = len(facts.relations) + len(facts.between) + len(facts.sides)
    true_mentions, true_relations = max(
        (sum(map(bool, reading)), _count_relations(facts, scene, reading))
        for reading in _readings(choices)
    )
    context = None if facts.context is None else facts.context == scene.context
    return CaptionCheck(
        readable=True,
        true=(true_mentions, true_relations) == (len(facts.mentions), said)
        and context is not False,
        mentions=len(facts.mentions),
        true_mentions=true_mentions,
        relations=said,
        true_relations=true_relations,
        context=context,
    )


def _symbols(text: str) -> List[Tuple]:
    cleaned = text.lower().strip().rstrip(".")
    symbols = []
    for match in _PATTERN.finditer(cleaned):
        phrase, unknown = match.groups()
        if unknown:
            raise SentenceError(f"Cannot read the caption '{text}': '{unknown}' is unknown there.")
        symbols.append(_PHRASES[phrase])
    return symbols


def _read_mention(text, symbols, position) -> Tuple[Mention, int]:
    """NUMBER [SIZE] [COLOUR] NOUN."""
    found: Dict[str, object] = {}
    for name in ("number", "size", "colour", "noun"):
        if position < len(symbols) and symbols[position][0] == name:
            found[name] = symbols[position][1]
            position += 1
        elif name in ("number", "noun"):
            raise SentenceError(f"Cannot read the caption '{text}': a phrase lacks its {name}.")
    plural = symbols[position - 1][2]
    if plural != (found["number"] > 1):
        raise SentenceError(f"Cannot read the caption '{text}': number and noun disagree.")
    mention = Mention(found["number"], found["noun"], found.get("colour"), found.get("size"))
    return mention, position


def _read_markers(text, markers, count):
    relations, between, sides = [], [], []
    for marker in markers:
        name, before = marker[0], marker[-1]
        # 'behind a ball is a cone' has the second mention first.
        a, b = (before - 1, before) if before else (1, 0)
        if name == "relation":
            wanted = max(a, b) + 1
            relations.append((marker[1], a, b))
        elif name == "between":
            wanted = before + 2 if before else count + 1
            between.append((before - 1, before, before + 1))
        elif name == "side":
            wanted = 0 if before else count + 1
            sides.append((marker[1], before - 1))
        else:
            continue
        if wanted > count:
            raise SentenceError(f"Cannot read the caption '{text}': '{name}' lacks an object.")
    return tuple(relations), tuple(between), tuple(sides)


def _is_described(mention: Mention, thing) -> bool:
    return all(
        said in (None, getattr(thing, name))
        for name, said in zip(("kind", "colour", "size"), mention[1:])
    )


def _choices(mention: Mention, scene: SceneDescription) -> List[Objects]:
    """What a mention may mean: any one object that fits, or all of them if they are so many."""
    fits = tuple(i for i, thing in enumerate(scene.objects) if _is_described(mention, thing))
    if mention.number == 1:
        return [(i,) for i in fits]
    return [fits] if len(fits) == mention.number else []


def _readings(choices: Sequence[List[Objects]], taken: Objects = ()) -> Iterator[Tuple]:
    """Every reading of the mentions as different objects; () is 'not there'.

    What is taken is left out at once: a text may name one thing a dozen times, and most of the
    combinations are none.
    """
    if not choices:
        yield ()
        return
    for chosen in (*choices[0], ()):
        if not set(chosen) & set(taken):
            for rest in _readings(choices[1:], taken + chosen):
                yield (chosen, *rest)


def _count_relations(facts: SceneFacts, scene: SceneDescription, reading) -> int:
    def objects(*mentions):
        # Relations are of single objects.
        chosen = [reading[n] for n in mentions]
        return [i for (i,) in chosen] if all(len(one) == 1 for one in chosen) else None

    held = 0
    for relation, *pair in facts.relations:
        held += (chosen := objects(*pair)) is not None and scene.holds(relation, *chosen)
    for triple in facts.between:
        held += (chosen := objects(*triple)) is not None and scene.between(*chosen)
    for side, single in facts.sides:
        held += (chosen := objects(single)) is not None and scene.on_side(side, *chosen)
    return held
