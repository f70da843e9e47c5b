"""Another name of :mod:`websockets.protocol`; the package's docstring says how."""

import sys

from .. import protocol
from ..protocol import *  # noqa: F403

sys.modules[__name__] = protocol
