"""
Which zlib is there. Python's and the one that the core stands on may be two, and either may be
zlib-ng, which takes more memory and compresses to other bytes, not even the same ones each time.
"""

import random
import zlib

import pytest

from websockets import _core


def is_one():
    """Tell whether both are zlib itself, as far as can be seen."""
    message = random.Random(7).randbytes(100) * 20
    stream = zlib.compressobj(1, wbits=-15)
    data = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
    ours = _core.Deflater(15, True, 1).compress(message)
    return "ng" not in zlib.ZLIB_RUNTIME_VERSION and ours == data[:-4]


ONE_ZLIB = is_one()

with_one_zlib = pytest.mark.skipif(not ONE_ZLIB, reason="this isn't zlib itself")


# The packages that a program may choose instead, by what they are called when they are installed.
OTHERS = {"zlib-ng": "zlib_ng.zlib_ng", "isal": "isal.isal_zlib"}


def other(name):
    """Return the module of a package that compresses, or skip."""
    return pytest.importorskip(OTHERS[name])
