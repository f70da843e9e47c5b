"""Another name of :mod:`websockets.server`; the package's docstring says how."""

import sys

from .. import server
from ..server import *  # noqa: F403
from ..server import HTTPResponse as HTTPResponse

sys.modules[__name__] = server
