"""
What there is to say where the compiled modules are missing though they should be there.

Owns that one question, which the core asks when it has to do without them, and ``doctor`` asks
again. Must never be needed where they are there. Key decision: an installation without a single
compiled module is as somebody built it, perhaps without a compiler, and is no reason to complain; a
source tree that nobody has built is one, because it is probably imported in the place of an
installation.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
from typing import Optional

__all__ = ["complaint"]

BUILD = "'python setup.py build_ext --inplace' in that folder builds them"


def complaint(core: str, error: ImportError) -> Optional[str]:
    """
    Return what is wrong, in words, or None if nothing is.

    Arguments:
        core: the folder of the package's core.
        error: what came of importing its compiled modules.
    """
    # Nobody builds them for PyPy, or for an interpreter whose lock they would bring back.
    if sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""):
        return None
    try:
        names = os.listdir(os.path.join(core, "compiled"))
    except OSError:
        return None  # in an archive, which can't have any
    binaries = [name for name in names if name.endswith((".so", ".pyd"))]
    root = os.path.dirname(os.path.dirname(core))
    if any(
        "." + name.partition(".")[2] in importlib.machinery.EXTENSION_SUFFIXES for name in binaries
    ):
        return f"the compiled modules in {core} can't be loaded: {error}"
    if os.path.exists(os.path.join(root, "ext", "utf8.pyx")):
        python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
        return f"the source tree {root} has no compiled modules for {python}; {BUILD}"
    if binaries:
        return f"the compiled modules in {core} are for another Python, as {binaries[0]}"
    return None
