"""How fast LNFMM writes captions, and how fast its flows are at the sizes of the paper.

    tfgen benchmark captions
    tfgen benchmark captions --rows text_flow,alignment_flow

    captions        100 captions for each of 8 images, LNFMM of lnfmm_scenes --preset quick with
                    weights as they start: in one call, which encodes each image once and decodes
                    800 rows together, and in a call for each image. No caption ends before its
                    26 words, which trained weights' do.
    text_flow       p(z'_t | z_s): 32 variables given 992, 16 steps, 1024 hidden units
    alignment_flow  of the shared codes: 992 variables, 12 steps of 4 couplings, 1024 hidden units
    image_flow      p(z'_v | z_s): 64 variables given 992, 16 steps, 512 hidden units

the flows with 128 rows; the codes that they are given differ from row to row. "load" is the
machine's average over the minute before.

"released" are seconds of the authors' PyTorch code on ANOTHER, busier machine (2 cores, PyTorch
2.13; specs/reference_facts.md), up to 1.6 times too long. "times as fast" = released / seconds is a
comparison across machines.
"""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from recipes.benchmarks.timing import compare_seconds

SUMMARY = "LNFMM: 100 captions for 8 images; likelihood and samples of its flows at paper size"

ROWS = ("captions", "text_flow", "alignment_flow", "image_flow")
IMAGES, CAPTIONS, BATCH = 8, 100, 128
# Of 15 000 captions of scenes, those that occur five times or more; with four special words.
WORDS = 109
RELEASED_SECONDS = {
    "text_flow": {"likelihood": 0.30, "sampling": 0.32},
    "alignment_flow": {"likelihood": 0.48, "sampling": 0.59},
}


def measure(
    budget_seconds: float = 5.0, rows: Optional[Sequence[str]] = None
) -> List[Dict[str, object]]:
    """Two rows for each name: captions in one call and in several, or a flow's two directions.

    Args:
      budget_seconds: for each of these, after the first call.
      rows: names of ROWS; all without.
    """
    table = []
    for name in rows or ROWS:
        load = os.getloadavg()[0]
        count, functions = caption_functions() if name == "captions" else flow_functions(name)
        for task, seconds in compare_seconds(functions, budget_seconds).items():
            released = RELEASED_SECONDS.get(name, {}).get(task)
            table.append(
                {
                    "what": name,
                    "work": task,
                    "rows": count,
                    "seconds": seconds,
                    "rows/s": count / seconds,
                    "released (other machine)": f"{released} s, busier" if released else "-",
                    "times as fast": released / seconds if released else "-",
                    "load": load,
                }
            )
    return table


def caption_functions(
    model=None, images: int = IMAGES, captions: int = CAPTIONS
) -> Tuple[int, Dict[str, Callable[[], object]]]:
    """The number of captions, and what writes them: in one call, and in one for each image.

    Args:
      model: with texts_from_images; LNFMM of the quick preset without.
      images, captions: how many, and how many of each.
    """
    import numpy as np
    import tensorflow as tf

    model = _quick_model() if model is None else model
    side = model.config.networks.image_size
    pixels = np.random.RandomState(0).randint(0, 256, [images, side, side, 3])
    pixels = tf.constant(pixels, tf.uint8)
    specs = [tf.TensorSpec([None, side, side, 3], tf.uint8), tf.TensorSpec([], tf.int32)]

    @tf.function(input_signature=specs, autograph=False)
    def write(batch, seed):
        return model.texts_from_images(batch, captions, seed)

    return images * captions, {
        "in one call": lambda: write(pixels, 1).numpy(),
        "image by image": lambda: [write(pixels[n : n + 1], 1).numpy() for n in range(images)],
    }


def flow_functions(
    name: str, batch: int = BATCH, steps: Optional[int] = None
) -> Tuple[int, Dict[str, Callable[[], object]]]:
    """The number of rows, and the two directions of a flow, each as one graph.

    Args:
      name: of ROWS, but not "captions".
      batch: rows.
      steps: of the flow; None takes the released number.
    """
    import tensorflow as tf

    flow, size, conditioning_size = make_flow(name, steps)
    values = tf.random.stateless_normal([batch, size], [0, 1])
    given = {}
    if conditioning_size:
        given["conditioning"] = tf.random.stateless_normal([batch, conditioning_size], [0, 2])
    score = tf.function(
        lambda values, given: flow.inverse_and_log_det(values, **given), autograph=False
    )
    draw = tf.function(
        lambda noise, given: flow.forward_and_log_det(noise, **given)[0], autograph=False
    )
    return batch, {
        "likelihood": lambda: [part.numpy() for part in score(values, given)],
        "sampling": lambda: draw(values, given).numpy(),
    }


def make_flow(name: str, steps: Optional[int] = None):
    """A flow with weights as they start, its size, and the size of what it is given (or 0)."""
    from tfgen.bijectors import alignment_flow, conditional_prior_flow

    if name == "alignment_flow":
        return alignment_flow(992, steps or 12, couplings=4, hidden_units=1024, seed=0), 992, 0
    size, hidden_units = {"text_flow": (32, 1024), "image_flow": (64, 512)}[name]
    return conditional_prior_flow(size, 992, steps or 16, hidden_units, seed=0), size, 992


def _quick_model():
    import tensorflow as tf

    from recipes import lnfmm_scenes
    from tfgen.data import CaptionVocabulary
    from zoo.lnfmm import LNFMM

    tf.keras.utils.set_random_seed(0)
    config = lnfmm_scenes.config("quick")
    words = " ".join(f"word{number}" for number in range(WORDS))
    vocabulary = CaptionVocabulary.from_texts([words], 1, length=config.caption_length)
    return LNFMM(config.model, vocabulary)
