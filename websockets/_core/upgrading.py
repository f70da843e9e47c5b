"""
What nearly all requests that open a connection are like, and the key that answers them (RFC 6455
4.2): the pure twin of ext/upgrading.pyx.

Owns a short way, for requests that need no closer look. Must never know what is wrong with others:
those are left to the rules of the opening handshake, of which this is a part that was taken ahead.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import Optional

__all__ = ["GUID", "USUAL_CONNECTIONS", "USUAL_UPGRADES", "accept_key", "usual_key"]

# RFC 6455 1.3: what a server mixes into the key to prove that it speaks WebSocket.
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# What browsers and most libraries send.
USUAL_CONNECTIONS = frozenset({"Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade, keep-alive"})
USUAL_UPGRADES = frozenset({"websocket", "WebSocket"})

# 16 bytes in Base64: 22 characters hold 132 bits, 21 would hold 126.
is_key = re.compile(r"[A-Za-z0-9+/]{22}==").fullmatch


def usual_key(values: dict[str, object]) -> Optional[str]:
    """
    Return the key of a request that asks for an upgrade as nearly all do, None for any other.

    Arguments:
        values: values by lower-cased names, each a ``str`` if there is one of that name, and
            something else if there are several.
    """
    upgrade, connection = values.get("upgrade"), values.get("connection")
    if (
        type(upgrade) is not str
        or type(connection) is not str
        or upgrade not in USUAL_UPGRADES
        or connection not in USUAL_CONNECTIONS
        or values.get("sec-websocket-version") != "13"
    ):
        return None
    key = values.get("sec-websocket-key")
    return key if type(key) is str and is_key(key) else None


def accept_key(key: str) -> str:
    """
    Return the ``Sec-WebSocket-Accept`` that answers a ``Sec-WebSocket-Key`` (RFC 6455 4.2.2).
    """
    # SHA-1 proves no secret here; systems that ban it for secrets must still let us compute it.
    digest = hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()
    return binascii.b2a_base64(digest, newline=False).decode()
