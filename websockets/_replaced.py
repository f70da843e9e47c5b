"""
What a program has put in the place of chance and of the clock, as tests of programs do.

Owns where these are looked for: where websockets 17.4 has them from. Must never know what they are
for. Key decision: nothing is imported, since whoever has replaced a function has imported its
module.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["replaced"]


def replaced(module: str, name: str, home: str = "") -> Any:
    """
    Return the function that is in the place of one of a module, None if that is there itself.

    Arguments:
        module: name of the module.
        name: name of the function.
        home: name of the module that defines it, if that is another.
    """
    function = getattr(sys.modules.get(module), name, None)
    usual = function is None or getattr(function, "__module__", None) == (home or module)
    return None if usual else function
