"""`python -m tests.unoptimised MODULE ...` runs a module whose graphs are not optimised first."""

import random
import runpy
import sys

import tensorflow as tf

__all__ = ["leave_graphs", "seed_initial_weights"]


def leave_graphs():
    """Turns off TensorFlow's optimisation of graphs in this process.

    Tests run hundreds of graphs once or twice, for which it pays least to optimise them (it took
    three fifths of the time of PixelPyramids' export's tests). Users' commands that tests start
    as processes of their own optimise theirs as ever, but for README's trainings.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def seed_initial_weights(seed):
    """Seeds the generator that Keras draws initial weights with, and nothing else.

    tf.keras.utils.set_random_seed does it too, but empties TensorFlow's caches of operations.
    """
    try:
        from keras.src.backend import _SEED_GENERATOR as generators
    except ImportError:
        tf.keras.utils.set_random_seed(seed)
    else:
        generators.generator = random.Random(seed)


if __name__ == "__main__":
    leave_graphs()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
