"""Pickle files that hold plain values and arrays, read without running what they ask for."""

from __future__ import annotations

import codecs
import os
import pickle
from typing import Any

import numpy as np

__all__ = ["load_plain_pickle"]

_REBUILD = np.empty(0).__reduce__()[0]
_FROM_BUFFER = np.empty(0).__reduce_ex__(5)[0]
# All that arrays, and the byte strings of old protocols, are made of. Names of NumPy 1 and 2.
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy._core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy.core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROM_BUFFER,
    ("_codecs", "encode"): codecs.encode,
    ("__builtin__", "bytes"): lambda: b"",  # how old protocols say that there are none
}


def load_plain_pickle(path: "os.PathLike[str] | str") -> Any:
    """Reads a pickle of dicts, lists, numbers, strings and NumPy arrays, and nothing else.

    A pickle is a program. This reader refuses to look up anything but what arrays are made of, so
    that a file of an unknown hand cannot run code. Strings that Python 2 wrote are read as Latin-1.

    Args:
      path: the file.

    Returns:
      What it holds.

    Raises:
      pickle.UnpicklingError: the file is not a pickle, is cut off, or asks for something else.
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            return _PlainUnpickler(file, encoding="latin1").load()
        except (_Refused, OSError):
            raise
        except Exception as error:  # Damage shows as nearly any exception.
            problem = f"{type(error).__name__}: {error}"
            raise pickle.UnpicklingError(
                f"is truncated, damaged or no pickle of data ({problem})"
            ) from error


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not data."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(
                f"asks for {module}.{name}, which data has no need of: it is not read"
            ) from None
