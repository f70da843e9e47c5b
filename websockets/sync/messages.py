"""What waits for ``recv()``, under the name that programs of today look for it by."""

from .._engine.assembler import Assembler

__all__ = ["Assembler"]
