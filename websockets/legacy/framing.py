"""Another name of :mod:`websockets.framing`; the package's docstring says how."""

import sys

from .. import framing
from ..framing import *  # noqa: F403

sys.modules[__name__] = framing
