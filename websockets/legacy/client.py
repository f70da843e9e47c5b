"""Another name of :mod:`websockets.client`; the package's docstring says how."""

import sys

from .. import client
from ..client import *

sys.modules[__name__] = client
