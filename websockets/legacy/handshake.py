"""Another name of :mod:`websockets.handshake`; the package's docstring says how."""

import sys

from .. import handshake
from ..handshake import *  # noqa: F403

sys.modules[__name__] = handshake
