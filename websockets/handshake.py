"""
The opening handshake for programs that do it themselves: its headers, built and checked.

A thin face over ``_handshake/upgrade.py``. Must never have a rule of its own.
"""

from ._borrowed import borrow
from ._handshake.upgrade import (
    accept_key,
    build_request,
    build_response,
    check_request,
    check_response,
)

__all__ = ["accept_key", "build_request", "build_response", "check_request", "check_response"]

borrow(globals())
