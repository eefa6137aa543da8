"""The rules of keras-nlp's samplers by which the next word is chosen, made stateless."""

from __future__ import annotations

import inspect
from typing import Callable

import tensorflow as tf

__all__ = ["NEXT_WORD_METHODS", "next_word_rule"]

NEXT_WORD_METHODS = ("greedy", "random", "top_k", "top_p")
"""Names of the rules."""


def next_word_rule(
    method: str, top_k: int, top_p: float
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function from scores of words and a seed to words.

    Of each keras-nlp sampler the choice of a word is used, and neither its loop over words nor
    its random state. The loop writes words with XlaDynamicUpdateSlice, which TensorFlow Serving
    cannot run on CPU, and returns neither probabilities nor a cache. The random state is a
    variable that repeats no draw and that exports lose; in its place comes the caller's seed.

    Args:
      method: "greedy", the likeliest word; "random", any word by its probability; "top_k", one of
        the likeliest `top_k` words; "top_p", one of the fewest likeliest words whose
        probabilities sum to more than `top_p`.
      top_k: 1 or more; where there are fewer words, all.
      top_p: in (0, 1].

    Returns:
      function (scores float [rows, vocabulary], unnormalised log-probabilities, -inf for words
      that are not to be chosen; seed int32 [2]) -> int32 [rows].

    Raises:
      ValueError: an unknown method, or a number out of its range.
    """
    from keras_nlp import samplers

    if method not in NEXT_WORD_METHODS:
        raise ValueError(f"method is one of {', '.join(NEXT_WORD_METHODS)}; got {method!r}.")
    if top_k < 1:
        raise ValueError(f"top_k is the number of words to draw from, 1 or more; got {top_k}.")
    if not 0.0 < top_p <= 1.0:
        raise ValueError(f"top_p is a probability in (0, 1]; got {top_p}.")
    kind = {
        "greedy": samplers.GreedySampler,
        "random": samplers.RandomSampler,
        "top_k": samplers.TopKSampler,
        "top_p": samplers.TopPSampler,
    }[method]
    # Not by its own constructor, which makes a variable, as graphs must not.
    sampler = kind.__new__(kind)
    samplers.Sampler.__init__(sampler)
    sampler.k, sampler.p = (None, top_p) if method == "top_p" else (top_k, None)
    seeds = sampler.seed_generator = _given_seed(inspect.getmodule(samplers.Sampler).random)

    @tf.autograph.experimental.do_not_convert  # There is nothing to convert, and it takes seconds.
    def choose(scores, seed):
        if method == "top_k":
            sampler.k = min(top_k, scores.shape[-1])
        seeds.given = seed
        return tf.cast(sampler.get_next_token(sampler.compute_probabilities(scores)), tf.int32)

    return choose


def _given_seed(random):
    """A seed generator, as keras-nlp wants one, whose next seed is the one that it was given."""

    class GivenSeed(random.SeedGenerator):
        def __init__(self):  # Without the variable.
            self.given = None

        def next(self, ordered=True):
            return self.given

    return GivenSeed()
