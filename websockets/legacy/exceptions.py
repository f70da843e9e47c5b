"""Another name of :mod:`websockets.exceptions`; the package's docstring says how."""

import sys

from .. import exceptions
from ..exceptions import *  # noqa: F403

sys.modules[__name__] = exceptions
