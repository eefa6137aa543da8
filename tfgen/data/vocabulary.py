"""The words of a closed language, and the form of its texts, looked up inside the graph."""

from __future__ import annotations

import collections
import json
import os
import pathlib
from typing import Optional, Sequence

import numpy as np
import tensorflow as tf

from tfgen.data.errors import DataError

__all__ = ["Vocabulary"]


class Vocabulary(tf.Module):
    """Maps texts to word ids and back, with TensorFlow's own ops alone.

    A text is a UTF-8 string of words separated by white space. It has one of two forms:

    * *slots*: exactly `len(slots)` words, the i-th one from `slots[i]`;
    * *free*: at most `length` words in any order. Shorter texts are filled up with `blank`, so a
      vocabulary without slots needs a blank.

    A text of another form stops the computation with `tf.errors.InvalidArgumentError`, in eager
    mode, in a graph and in a SavedModel alike. The message says which text and which word is
    wrong, the form wanted, and lists the vocabulary.

    The vocabulary is a `tf.Module` whose lookup table is initialised from constants: as an
    attribute of a Keras model it travels into a SavedModel without asset files.

    ```python
    vocabulary = Vocabulary(
        ["small", "large", "red", "cube", "sphere"],
        slots=[["small", "large"], ["red"], ["cube", "sphere"]],
    )
    ids = vocabulary.encode(["small red cube", "large red sphere"])
    ids.numpy().tolist()                   # [[0, 2, 3], [1, 2, 4]]
    vocabulary.decode(ids).numpy()[1]      # b'large red sphere'
    ```

    Attributes:
      words: the words; the id of a word is its position.
      slots: list of lists of words, or None for the free form.
      blank: the word that fills short texts, or None.
      length: number of words in an encoded text.
      size: number of words in the vocabulary.
    """

    def __init__(
        self,
        words: Sequence[str],
        slots: Optional[Sequence[Sequence[str]]] = None,
        blank: Optional[str] = None,
        length: Optional[int] = None,
        name: str = "vocabulary",
    ):
        """Builds the vocabulary.

        Args:
          words: the words, without white space in them, each once.
          slots: for each position of a text the words allowed there; None allows all everywhere.
          blank: the word that fills short texts. It needs a free form.
          length: number of words in an encoded text; `len(slots)`, or 9 without slots.
          name: name of the module.

        Raises:
          ValueError: the parts do not fit together; the message names the word or the number.
        """
        super().__init__(name=name)
        words = [str(word) for word in words]
        slots = None if slots is None else [[str(word) for word in slot] for slot in slots]
        length = length if length is not None else (9 if slots is None else len(slots))
        _check_parts(words, slots, blank, length)
        self._words = tuple(words)
        self._slots = None if slots is None else tuple(tuple(slot) for slot in slots)
        self._blank = blank
        self._length = length
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(words), tf.range(len(words), dtype=tf.int32)
            ),
            default_value=-1,
        )

    @property
    def words(self) -> list[str]:
        return list(self._words)

    @property
    def slots(self) -> Optional[list[list[str]]]:
        return None if self._slots is None else [list(slot) for slot in self._slots]

    @property
    def blank(self) -> Optional[str]:
        return self._blank

    @property
    def length(self) -> int:
        return self._length

    @property
    def size(self) -> int:
        return len(self._words)

    @property
    def allowed(self) -> np.ndarray:
        """bool [length, size]: which word may stand in which place; a mask for text decoders."""
        if self._slots is None:
            return np.ones([self._length, self.size], bool)
        return np.array([[word in slot for word in self._words] for slot in self._slots])

    @property
    def form(self) -> str:
        """The form of a text in one line, as the error messages say it."""
        if self._slots is None:
            return (
                f"at most {self._length} words separated by spaces, in any order "
                f"(`{self._blank}` is the blank)"
            )
        return f"{self._length} words separated by spaces, " + " ".join(
            "(" + "|".join(slot) + ")" for slot in self._slots
        )

    def encode(self, texts) -> tf.Tensor:
        """Looks the words of texts up.

        Args:
          texts: string [B].

        Returns:
          int32 [B, length], the position of each word in `words`.

        Raises:
          tf.errors.InvalidArgumentError: a text has an unknown word, too many or too few words,
            or a word in the wrong place.
        """
        texts = tf.convert_to_tensor(texts, tf.string)
        if texts.shape.rank != 1:
            raise ValueError(
                f"Texts are a list of strings, shape [batch]; got shape {texts.shape}. "
                "Put a single text into a list."
            )
        words = tf.strings.split(texts)
        counts = tf.cast(words.row_lengths(), tf.int32)
        fill = "" if self._blank is None else self._blank
        words = words.to_tensor(default_value=fill)
        width = tf.maximum(tf.shape(words)[1], self._length)
        words = tf.pad(words, [[0, 0], [0, width - tf.shape(words)[1]]], constant_values=fill)
        ids = self._table.lookup(words)
        present = tf.range(width)[tf.newaxis] < counts[:, tf.newaxis]
        unknown = present & (ids < 0)
        wrong_count = counts > self._length if self._slots is None else counts != self._length
        first = ids[:, : self._length]
        misplaced = present[:, : self._length] & ~self._in_place(first)
        bad = tf.reduce_any(unknown, 1) | wrong_count | tf.reduce_any(misplaced, 1)

        def refuse():
            message = self._complaint(texts, words, counts, unknown, wrong_count, misplaced, bad)
            return tf.raw_ops.Assert(condition=False, data=[message], summarize=1)

        if tf.executing_eagerly():
            if tf.reduce_any(bad):
                refuse()
            return tf.ensure_shape(first, [None, self._length])
        check = tf.cond(tf.reduce_any(bad), refuse, tf.no_op)
        with tf.control_dependencies([check]):
            return tf.ensure_shape(tf.identity(first), [None, self._length])

    def decode(self, ids) -> tf.Tensor:
        """Writes word ids out as texts.

        Blanks at the end of a text are left out (an all-blank text is one blank), so
        `encode(decode(ids))` gives `ids` back.

        Args:
          ids: integers [..., length] in [0, size).

        Returns:
          string [...], words separated by one space.
        """
        ids = tf.convert_to_tensor(ids)
        words = tf.gather(tf.constant(self._words), ids)
        if self._blank is not None:
            position = tf.range(1, tf.shape(ids)[-1] + 1)
            spoken = tf.where(ids == self._words.index(self._blank), 0, position)
            last = tf.maximum(tf.reduce_max(spoken, -1, keepdims=True), 1)
            words = tf.where(position <= last, words, "")
        return tf.strings.strip(tf.strings.reduce_join(words, -1, separator=" "))

    def get_config(self) -> dict:
        return {
            "words": self.words,
            "slots": self.slots,
            "blank": self._blank,
            "length": self._length,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict) -> "Vocabulary":
        return cls(**config)

    def save(self, path: str) -> None:
        """Writes the vocabulary to a JSON file, which appears whole or not at all."""
        content = {"class": type(self).__name__, "config": self.get_config()}
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
        try:
            partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str) -> "Vocabulary":
        """Reads a vocabulary that `save` has written, of this class or of one that extends it.

        Raises:
          DataError: the file is missing, damaged, or holds something else.
        """
        classes = {kind.__name__: kind for kind in (cls, *cls.__subclasses__())}
        try:
            content = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            return classes[content["class"]].from_config(content["config"])
        except FileNotFoundError:
            raise DataError(f"There is no vocabulary {path}.") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is not a file of a {' or '.join(classes)}: {error}. Save it again with "
                "`Vocabulary.save`."
            ) from None

    def __repr__(self) -> str:
        return f"Vocabulary({self.size} words, texts of {self.form})"

    def _in_place(self, ids):
        """bool [B, length]: the word may stand in its place; unknown words count as misplaced."""
        place = tf.broadcast_to(tf.range(self._length), tf.shape(ids))
        allowed = tf.gather_nd(self.allowed, tf.stack([place, tf.maximum(ids, 0)], -1))
        return allowed & (ids >= 0)

    def _complaint(self, texts, words, counts, unknown, wrong_count, misplaced, bad):
        """The message about the first text that is wrong; string []."""
        row = tf.argmax(tf.cast(bad, tf.int32), output_type=tf.int32)

        def word_and_place(mask):
            place = tf.argmax(tf.cast(mask[row], tf.int32), output_type=tf.int32)
            return place, tf.strings.as_string(place + 1), _readable(words[row, place])

        _, unknown_number, unknown_word = word_and_place(unknown)
        place, number, word = word_and_place(misplaced)
        wanted = ["|".join(slot) for slot in self._slots or [self._words] * self._length]
        limit = "more than" if self._slots is None else "not"
        count = tf.strings.as_string(counts[row])
        reason = tf.where(
            tf.reduce_any(unknown[row]),
            tf.strings.join(
                ["word ", unknown_number, " is `", unknown_word, "`, not in the vocabulary"]
            ),
            tf.where(
                wrong_count[row],
                tf.strings.join(["it has ", count, f" words, {limit} {self._length}"]),
                tf.strings.join(
                    [
                        *["word ", number, " is `", word, "`, where the form wants "],
                        tf.gather(tf.constant(wanted), place),
                    ]
                ),
            ),
        )
        return tf.strings.join(
            [
                "Text ",
                tf.strings.as_string(row + 1),
                " (`",
                _readable(texts[row]),
                "`) cannot be read: ",
                reason,
                f". A text is {self.form}. Vocabulary: {' '.join(self._words)}.",
            ]
        )


def _readable(text):
    """At most 200 characters of valid UTF-8: an error message must never be an error itself."""
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.substr(text, 0, 200, unit="UTF8_CHAR")


def _check_parts(words, slots, blank, length) -> None:
    if not words:
        raise ValueError("A vocabulary needs at least one word; got none.")
    counts = collections.Counter(words)
    for word in words:
        if not word or word.split() != [word]:
            raise ValueError(
                f"A word has no white space in it and is not empty; got {word!r}. "
                "Write for example 'wavy_hair' for 'wavy hair'."
            )
        if counts[word] > 1:
            raise ValueError(f"The word {word!r} is in the vocabulary {counts[word]} times.")
    if length < 1:
        raise ValueError(f"length is the number of words in a text, 1 or more; got {length}.")
    if slots is None:
        if blank is None:
            raise ValueError(
                "Texts of the free form are filled up with blanks: pass blank=..., for example "
                "'-', or pass slots."
            )
        if blank not in words:
            raise ValueError(f"The blank {blank!r} must be one of the words {words}.")
        return
    if blank is not None:
        raise ValueError(f"Texts with slots have a fixed length; got blank={blank!r} as well.")
    if length != len(slots):
        raise ValueError(f"There are {len(slots)} slots, but length is {length}.")
    for number, slot in enumerate(slots):
        if not slot:
            raise ValueError(f"Slot {number + 1} allows no word at all.")
        for word in slot:
            if word not in words:
                raise ValueError(f"Slot {number + 1} has the word {word!r}, not in {words}.")
