"""
The names of the types that appear in public signatures.

This module owns aliases and ``NewType`` names only. It never knows how a value is made or checked:
a ``Subprotocol`` is any string at run time, and the parsers decide what deserves the name.
"""

from __future__ import annotations

import http
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, NewType, Optional, Union

__all__ = [
    "BytesLike",
    "ConnectionOption",
    "Data",
    "DataLike",
    "ExtensionHeader",
    "ExtensionName",
    "ExtensionParameter",
    "LoggerLike",
    "Origin",
    "PathLike",
    "StatusLike",
    "Subprotocol",
    "UpgradeProtocol",
]

# Aliases are evaluated when the module is imported, so they are spelled for Python 3.9.

Data = Union[str, bytes]
"""A message as ``recv()`` gives it: ``str`` for text, ``bytes`` for binary (RFC 6455 5.6)."""

BytesLike = Union[bytes, bytearray, memoryview]
"""Bytes in any of the types that hold them."""

DataLike = Union[str, bytes, bytearray, memoryview]
"""A message or a fragment as ``send()`` takes it: any bytes-like object stands for binary."""

PathLike = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
"""The path of a Unix socket."""

if TYPE_CHECKING or sys.version_info >= (3, 11):
    LoggerLike = Union[logging.Logger, logging.LoggerAdapter[Any]]
else:
    # Before, it couldn't be subscripted.
    LoggerLike = Union[logging.Logger, logging.LoggerAdapter]
"""What log records are given to."""

StatusLike = Union[http.HTTPStatus, int]
"""Status of an HTTP response."""
Origin = NewType("Origin", str)
"""Value of an Origin header (RFC 6454 7)."""

Subprotocol = NewType("Subprotocol", str)
"""Name in a Sec-WebSocket-Protocol header (RFC 6455 1.9)."""

ConnectionOption = NewType("ConnectionOption", str)
"""Option in a Connection header (RFC 9110 7.6.1)."""

UpgradeProtocol = NewType("UpgradeProtocol", str)
"""Protocol in an Upgrade header, its version included (RFC 9110 7.8)."""

ExtensionName = NewType("ExtensionName", str)
"""Name of an extension in a Sec-WebSocket-Extensions header (RFC 6455 9.1)."""

ExtensionParameter = tuple[str, Optional[str]]
"""Name and value of an extension's parameter; the value is ``None`` when there is none."""

ExtensionHeader = tuple[str, list[ExtensionParameter]]
"""Name of an extension and its parameters, in the order of the header."""
