"""The vocabulary of an open language: captions that people wrote, with words it does not know."""

from __future__ import annotations

import collections
from typing import Iterable, Optional, Sequence

import tensorflow as tf

from tfgen.data.vocabulary import Vocabulary

__all__ = ["CaptionVocabulary", "split_words"]

_AT_ONCE = 4096


def split_words(texts) -> tf.RaggedTensor:
    """Splits texts into words as captioning does it: lower case, without punctuation.

    Apostrophes vanish ('the dog's' becomes 'the dogs'), every other mark separates words. A
    picture sign, such as an emoji, is a word of its own. Invalid UTF-8 is replaced. All of it is
    TensorFlow's own operations, and fit for an export.

    ```python
    split_words(["A dog's ball, on-the-lawn!"]).to_list()
    # [[b'a', b'dogs', b'ball', b'on', b'the', b'lawn']]
    ```

    Args:
      texts: string [B].

    Returns:
      Ragged string [B, words].
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tf.strings.lower(texts, encoding="utf-8")
    # U+FE0F asks for a coloured picture and is no sign itself.
    texts = tf.strings.regex_replace(texts, r"['’`´\x{FE0F}]", "")
    texts = tf.strings.regex_replace(texts, r"(\p{So})", r" \1 ")
    texts = tf.strings.regex_replace(texts, r"[\p{P}\p{Sm}\p{Sc}\p{Sk}\p{C}\p{Z}]+", " ")
    return tf.strings.split(texts)


class CaptionVocabulary(Vocabulary):
    """Maps any sentences to word ids between <start> and <end>, and back.

    A text becomes `<start> w_1 ... w_n <end> <pad> ... <pad>`. Words are those of `split_words`; a
    word that is not in the vocabulary becomes <unk>, and a text that is too long is cut. So no
    text is refused, other than by a `Vocabulary`. Everything is done inside the graph.

    ```python
    vocabulary = CaptionVocabulary.from_texts(
        ["A red ball.", "a red cube", "a tree"], minimum_count=2, length=6
    )
    vocabulary.words     # ['<pad>', '<start>', '<end>', '<unk>', 'a', 'red']
    ids = vocabulary.encode(["A red house!"])
    ids.numpy()                                # [[1, 4, 5, 3, 2, 0]]
    vocabulary.decode(ids).numpy()             # [b'a red <unk>']
    ```

    Attributes:
      words, blank, length, size: as of a `Vocabulary`; the blank is the padding, and `length`
        counts <start> and <end>.
      start, end, unknown: the other special words.
      pad_id, start_id, end_id, unknown_id: their positions in `words`.
    """

    def __init__(
        self,
        words: Sequence[str],
        length: int = 20,
        blank: str = "<pad>",
        start: str = "<start>",
        end: str = "<end>",
        unknown: str = "<unk>",
        name: str = "vocabulary",
    ):
        """Builds the vocabulary.

        Args:
          words: the words, each once, with the four special ones among them.
          length: number of words in an encoded text, with <start> and <end>.
          blank, start, end, unknown: the special words.
          name: name of the module.

        Raises:
          ValueError: a special word is missing or there twice, or the length is below 3.
        """
        special = (blank, start, end, unknown)
        missing = [word for word in special if word not in words]
        if missing or len(set(special)) < len(special):
            raise ValueError(
                f"Wanted four different special words among the words; got {special}, of which "
                f"{missing} are not there. `CaptionVocabulary.from_texts` adds them."
            )
        if length < 3:
            raise ValueError(f"length is 3 or more: <start>, a word, <end>; got {length}.")
        super().__init__(words, blank=blank, length=length, name=name)
        self._start, self._end, self._unknown = start, end, unknown
        ids = (self._words.index(word) for word in special)
        self.pad_id, self.start_id, self.end_id, self.unknown_id = ids

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        minimum_count: int = 5,
        length: int = 20,
        most_words: Optional[int] = None,
    ) -> "CaptionVocabulary":
        """The words that occur often enough, the most frequent first, after the special ones.

        Args:
          texts: of the training set alone.
          minimum_count: how often a word must occur.
          length: see the constructor.
          most_words: how many words are kept at most, not counting the special ones; None keeps
            all.

        Raises:
          ValueError: no word is frequent enough.
        """
        counts: collections.Counter = collections.Counter()
        texts = list(texts)
        for first in range(0, len(texts), _AT_ONCE):
            words = split_words(tf.constant(texts[first : first + _AT_ONCE]))
            counts.update(words.flat_values.numpy().tolist())
        frequent = [(-n, word.decode()) for word, n in counts.items() if n >= minimum_count]
        if not frequent:
            raise ValueError(
                f"None of the {len(counts)} words of {len(texts)} texts occurs "
                f"{minimum_count} times. Lower minimum_count."
            )
        words = [word for _, word in sorted(frequent)[:most_words]]
        return cls(["<pad>", "<start>", "<end>", "<unk>", *words], length)

    @property
    def start(self) -> str:
        return self._start

    @property
    def end(self) -> str:
        return self._end

    @property
    def unknown(self) -> str:
        return self._unknown

    @property
    def form(self) -> str:
        return f"any words, of which the first {self.length - 2} are read"

    def encode(self, texts) -> tf.Tensor:
        """Looks the words of texts up.

        Args:
          texts: string [B].

        Returns:
          int32 [B, length]: <start>, the words, <end>, and <pad> up to the length.
        """
        texts = tf.convert_to_tensor(texts, tf.string)
        if texts.shape.rank != 1:
            raise ValueError(
                f"Texts are a list of strings, shape [batch]; got shape {texts.shape}. "
                "Put a single text into a list."
            )
        words = split_words(texts)
        room = self.length - 2
        counts = tf.minimum(tf.cast(words.row_lengths(), tf.int32), room)[:, tf.newaxis]
        ids = self._table.lookup(words.to_tensor(self.blank, shape=[None, room]))
        ids = tf.where(ids < 0, self.unknown_id, ids)
        place = tf.range(self.length - 1)
        ids = tf.pad(ids, [[0, 0], [0, 1]])
        ids = tf.where(place < counts, ids, tf.where(place == counts, self.end_id, self.pad_id))
        return tf.pad(ids, [[0, 0], [1, 0]], constant_values=self.start_id)

    def decode(self, ids) -> tf.Tensor:
        """Writes word ids out as texts.

        Args:
          ids: integers [..., T] in [0, size), of any length T, with or without <start>.

        Returns:
          string [...]: the words before the first <end>, separated by one space, without <start>
          and <pad>; an unknown word is <unk>.
        """
        ids = tf.convert_to_tensor(ids)
        ended = tf.cumsum(tf.cast(ids == self.end_id, tf.int32), axis=-1) > 0
        silent = ended | (ids == self.pad_id) | (ids == self.start_id)
        words = tf.where(silent, "", tf.gather(tf.constant(self._words), ids))
        texts = tf.strings.reduce_join(words, -1, separator=" ")
        return tf.strings.strip(tf.strings.regex_replace(texts, " +", " "))

    def get_config(self) -> dict:
        return {
            "words": self.words,
            "length": self.length,
            "blank": self.blank,
            "start": self._start,
            "end": self._end,
            "unknown": self._unknown,
            "name": self.name,
        }

    def __repr__(self) -> str:
        return f"CaptionVocabulary({self.size} words, texts of {self.form})"
