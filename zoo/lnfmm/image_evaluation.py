"""What the images that a model draws for captions are worth."""

from __future__ import annotations

from typing import Callable, Dict, Mapping, Optional, Sequence

import numpy as np
import tensorflow as tf

from tfgen.distributions import unit_interval
from tfgen.metrics import inference_via_optimisation
from tfgen.randomness import Seed, example_normal, fold_in
from zoo.lnfmm.evaluation import CaptionEvaluationConfig

__all__ = ["ImageJudge", "closest_distance", "draw_for_texts", "drawn_numbers", "judged_numbers"]

ImageJudge = Callable[[np.ndarray, Sequence[str]], Mapping[str, np.ndarray]]
"""Images uint8 [N, H, W, 3] and N captions -> shares of what each caption names that are seen in
its image, float [N] each, by the name of what is meant; NaN where it names nothing of that."""


def draw_for_texts(
    model, texts: Sequence[str], count: int, batch_size: int = 32, seed: Seed = 0
) -> np.ndarray:
    """Images of texts, uint8 [texts, count, H, W, 3].

    Args:
      model: with images_from_text.
      texts: sentences.
      count: images for each.
      batch_size: texts at once.
      seed: of the draws.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def draw(texts, seed):
        return model.images_from_text(texts, count, seed)

    parts = []
    for index, start in enumerate(range(0, len(texts), batch_size)):
        part = tf.constant(texts[start : start + batch_size])
        parts.append(draw(part, fold_in(seed, index)).numpy())
    return np.concatenate(parts)


def judged_numbers(images: np.ndarray, texts: Sequence[str], judge: ImageJudge) -> Dict[str, float]:
    """How much of what captions name is seen in their images.

    Args:
      images: uint8 [texts, count, H, W, 3].
      texts: captions.
      judge: sees what is there.

    Returns:
      For each NAME of the judge "NAME_seen", the mean share, and "NAME_seen_by_chance", that of
      each image with the caption after its own.
    """
    count = images.shape[1]
    flat = images.reshape([-1, *images.shape[2:]])
    own = [text for text in texts for _ in range(count)]
    others = [text for text in [*texts[1:], texts[0]] for _ in range(count)]
    numbers = {}
    for end, said in (("seen", own), ("seen_by_chance", others)):
        for name, shares in judge(flat, said).items():
            numbers[f"{name}_{end}"] = float(np.nanmean(shares))
    return numbers


def drawn_numbers(
    model,
    texts: Sequence[str],
    images: np.ndarray,
    config: CaptionEvaluationConfig,
    seed: Seed,
    judge: Optional[ImageJudge] = None,
) -> Dict[str, float]:
    """All numbers of the images that a model draws for captions.

    Args:
      model: an LNFMM that draws images.
      texts: one caption of each of the first test images.
      images: uint8 [texts, H, W, 3], those images.
      config: counts.
      seed: of the draws.
      judge: None leaves out what it would say.

    Returns:
      Those of `judged_numbers`, and "closest" of `closest_distance`.
    """
    numbers = {}
    if judge is not None:
        some = list(texts[: config.texts])
        drawn = draw_for_texts(model, some, config.images_per_text, config.batch_size, seed)
        numbers.update(judged_numbers(drawn, some, judge))
    if config.closest_images:
        count = min(config.closest_images, len(texts))
        numbers["closest"] = closest_distance(model, texts[:count], images[:count], config, seed)
    return numbers


def closest_distance(
    model,
    texts: Sequence[str],
    images: np.ndarray,
    config: CaptionEvaluationConfig,
    seed: Seed = 0,
) -> float:
    """IvOM: the mean squared error of the closest image that a model can draw for a caption.

        min_e |decode([z_s, f_v(e | z_s)]) - x_v|^2 / size,   z_s = f^-1(shared code of the text)

    of pixels in (0, 1), mean over the images; an upper bound of the minimum, by L-BFGS from
    draws of the prior.

    Args:
      model: an LNFMM that draws images.
      texts, images: captions and their images, uint8 [N, H, W, 3].
      config: starts and iterations.
      seed: of the starts.
    """
    words = model.vocabulary.encode(tf.constant(texts))
    shared = model.to_image_domain(model.text_codes(words)[0])
    prior = model.image_prior
    starts = [
        prior.base_scale * example_normal(fold_in(seed, "closest", start), len(texts), [prior.size])
        for start in range(config.closest_starts)
    ]

    def generate(noise, shared):
        return model.decode_pixels(shared, prior.transform(noise, shared)[0])

    found = inference_via_optimisation(
        generate,
        unit_interval(tf.constant(images)),
        tf.stack(starts),
        shared,
        config.closest_iterations,
        config.batch_size,
    )
    return float(tf.reduce_mean(found.distance))
