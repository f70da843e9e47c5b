"""
One message to many connections.

Owns the choice of who gets it. Must never know how a connection sends. Key decisions: nobody waits
for a slow peer, and nobody is kept from the message because another connection is broken; all
connections that would send the same bytes share them, so that they are compressed and framed once.
A connection that nothing hinders is served by its stream, the others decide for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..framing import prepare_data
from ..typing import DataLike

__all__ = ["broadcast"]


def broadcast(connections: Iterable[Any], message: DataLike) -> None:
    """
    Send a message to several connections, without waiting.

    Connections that aren't open are passed over, and so are those that are sending a fragmented
    message at this moment, with a warning in their log. There is no backpressure: what a slow peer
    doesn't read piles up until keepalive or the program gives it up. What goes wrong with one
    connection is in its log, and keeps no other from the message.

    Arguments:
        connections: protocols, of a server's ``connections`` for example.
        message: ``str`` for a text message, bytes-like for a binary one.

    Raises:
        TypeError: if the message is of another type.
    """
    opcode, payload = prepare_data(message)
    frames: dict[Any, bytes] = {}
    for connection in tuple(connections):  # one that breaks may leave them
        try:
            if not connection._ws_stream.try_share(opcode, payload, frames):
                connection._ws_phase.share(opcode, payload, frames)
        except Exception:
            connection._ws_logger.error("a broadcast couldn't be sent", exc_info=True)
