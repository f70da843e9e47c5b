"""Another name of :mod:`websockets.auth`; the package's docstring says how."""

import sys

from .. import auth
from ..auth import *  # noqa: F403

sys.modules[__name__] = auth
