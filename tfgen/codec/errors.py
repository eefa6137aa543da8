"""The error that everything in tfgen.codec raises."""

from __future__ import annotations

__all__ = ["CodecError"]


class CodecError(ValueError):
    """Images or a file cannot be coded as asked; the message says why and what to do."""
