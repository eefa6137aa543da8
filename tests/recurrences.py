"""Recurrent cells in numpy, from their definitions."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(x, state, kernel, recurrent, bias):
    """Cho et al. 2014 in the variant that resets after the product (Keras, cuDNN)."""
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, -1)
    hz, hr, hh = np.split(state @ recurrent + bias[1], 3, -1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    return z * state + (1 - z) * np.tanh(xh + r * hh)


def lstm_step(x, state, cell, kernel, recurrent, bias):
    """Hochreiter and Schmidhuber 1997 with a forget gate; the new state and cell."""
    i, f, c, o = np.split(x @ kernel + state @ recurrent + bias, 4, -1)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
    return sigmoid(o) * np.tanh(cell), cell
