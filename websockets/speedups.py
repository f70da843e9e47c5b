"""Masking where it is compiled, under the name that programs of today look for it by."""

from . import _core
from .frames import apply_mask

__all__ = ["apply_mask"]

if _core.backend == "pure":
    raise ImportError("masking isn't compiled here")
