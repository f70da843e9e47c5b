"""Another name of :mod:`websockets.client`; the package's docstring says how."""

import sys

from .. import client
from ..client import *  # noqa: F403

sys.modules[__name__] = client
