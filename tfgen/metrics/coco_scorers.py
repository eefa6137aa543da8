"""The modules of pycocoevalcap, imported when they are first needed."""

from __future__ import annotations

import importlib

__all__ = ["coco_scorer"]


def coco_scorer(name: str):
    """The module pycocoevalcap.NAME, such as "bleu.bleu".

    Raises:
      ImportError: pycocoevalcap is not installed, with how to install it.
    """
    try:
        return importlib.import_module(f"pycocoevalcap.{name}")
    except ImportError as error:
        raise ImportError(
            f"pycocoevalcap.{name}, of the captioning field's own measures, does not import "
            f"({error}). Install it: pip install pycocoevalcap, or tfgen with its extra [metrics]."
        ) from error
