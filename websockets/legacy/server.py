"""Another name of :mod:`websockets.server`; the package's docstring says how."""

import sys

from .. import server
from ..server import *

sys.modules[__name__] = server
