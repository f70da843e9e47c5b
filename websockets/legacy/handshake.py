"""Another name of :mod:`websockets.handshake`; the package's docstring says how."""

import sys

from .. import handshake
from ..handshake import *

sys.modules[__name__] = handshake
