"""Another name of :mod:`websockets.http`; the package's docstring says how."""

import sys

from .. import http
from ..http import *  # noqa: F403

sys.modules[__name__] = http
