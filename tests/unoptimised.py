"""`python -m tests.unoptimised MODULE ...` runs a module whose graphs are not optimised first."""

import runpy
import sys

import tensorflow as tf

__all__ = ["leave_graphs"]


def leave_graphs():
    """Turns off TensorFlow's optimisation of graphs in this process.

    Tests run hundreds of graphs once or twice, for which it pays least to optimise them (it took
    three fifths of the time of PixelPyramids' export's tests). Users' commands that tests start
    as processes of their own optimise theirs as ever, but for README's trainings.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


if __name__ == "__main__":
    leave_graphs()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
