"""All texts over a tiny vocabulary."""

import itertools

import numpy as np


def all_texts(vocabulary, length, end_id=0):
    """Every text that has ended, filled up with the end word, and every one that was cut off."""
    texts = itertools.product(range(vocabulary), repeat=length)
    return np.array(sorted({_ended(text, end_id) for text in texts}), np.int32)


def _ended(text, end_id):
    if end_id not in text:
        return text
    words = text[: text.index(end_id)]
    return words + (end_id,) * (len(text) - len(words))
