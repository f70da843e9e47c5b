"""
One message to many connections.

Owns the choice of who gets it. Must never know how a connection sends. Key decisions: nobody waits
for a slow peer, and nobody is kept from the message because another connection is broken; all
connections that would send the same bytes share them, so that they are compressed and framed once.
A connection that nothing hinders is served by its stream, the others decide for themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Optional

from .._core import OP_BINARY, OP_TEXT, share_with
from ..exceptions import ConcurrencyError
from ..framing import prepare_data
from ..typing import DataLike

__all__ = ["broadcast", "skip"]


def broadcast(
    connections: Iterable[Any],
    message: DataLike,
    raise_exceptions: bool = False,
    text: Optional[bool] = None,
) -> None:
    """
    Send a message to several connections, without waiting.

    Connections that aren't open are passed over, and so are those that are sending a fragmented
    message at this moment, with a warning in their log. There is no backpressure: what a slow peer
    doesn't read piles up until keepalive or the program gives it up. What goes wrong with one
    connection is in its log, and keeps no other from the message.

    Arguments:
        connections: connections, of a server's ``connections`` for example.
        message: ``str`` for a text message, bytes-like for a binary one.
        raise_exceptions: whether to raise an :exc:`ExceptionGroup` of what went wrong, once all
            were tried, instead of logging it; from Python 3.11 on.
        text: True to send bytes as text, False to send text as bytes.

    Raises:
        TypeError: if the message is of another type, or something isn't a connection; then
            the connections have got the message.
    """
    if raise_exceptions and sys.version_info < (3, 11):
        raise ValueError("raise_exceptions requires Python 3.11 or later")
    opcode, payload = prepare_data(message)
    if text is not None:
        opcode = OP_TEXT if text else OP_BINARY
    errors: list[Exception] = []
    strangers: list[Exception] = []  # what isn't a connection keeps none from the message

    def failed(connection: Any, exc: Exception) -> None:
        if not hasattr(connection, "_ws_stream"):
            strangers.append(TypeError(f"broadcast() needs connections, not {connection!r}"))
        else:
            skip(connection._ws_logger, exc, errors if raise_exceptions else None)

    # One that breaks may leave them.
    share_with(tuple(connections), opcode, payload, {}, failed)
    if strangers:
        raise strangers[-1]
    if errors:
        raise ExceptionGroup("skipped broadcast", errors)  # noqa: F821


def skip(logger: Any, exc: Exception, errors: Optional[list[Exception]]) -> None:
    """Add what kept a connection from a message to a list, or to its log if there is none."""
    if isinstance(exc, ConcurrencyError):
        if errors is None:
            logger.warning("skipped broadcast: %s", exc)
        else:
            errors.append(exc)
    elif errors is None:
        logger.warning(
            "skipped broadcast: failed to write message: %s: %s",
            type(exc).__name__,
            exc,
            exc_info=exc,
        )
    else:
        error = RuntimeError("failed to write message")
        error.__cause__ = exc
        errors.append(error)
