"""
What is logged of a connection's life: its opening, a refusal, its end, and what DEBUG adds to that.

Owns the words. Must never know a transport, nor log a message that isn't asked for. Key decision: a
connection has a journal or it has none, which is decided once, when it gets its transport; where
nobody wants to know, that is all it costs.
"""

from __future__ import annotations

import logging
import os
import weakref
from http import HTTPStatus
from typing import Any, Optional

from .._errors import show
from ..datastructures import Headers
from ..exceptions import AbortHandshake

__all__ = ["Journal", "journal_of", "name_of"]


class Journal(logging.LoggerAdapter):  # type: ignore[type-arg]
    """
    A logger whose records know their connection: ``record.websocket`` is a weak proxy of it.

    Arguments:
        logger: where it is logged.
        level: the level of opening and end.
        connection: the connection.
    """

    def __init__(self, logger: Any, level: int, connection: Any) -> None:
        super().__init__(logger, {"websocket": weakref.proxy(connection)})
        self._level = level

    @property
    def debugs(self) -> bool:
        """Whether heads and frames are logged as well."""
        return bool(self.logger.isEnabledFor(logging.DEBUG))

    def opened(self) -> None:
        """Log that the opening handshake is complete."""
        self.log(self._level, "connection open")

    def refused(self, status: int, exc: BaseException) -> None:
        """Log that a request was answered with an HTTP response, and why."""
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        what = "connection rejected" if status >= 400 else "HTTP response sent"
        # What a program answers by its own choice it has reasons of its own for.
        reason = "" if isinstance(exc, AbortHandshake) else f": {in_words(exc)}"
        self.log(self._level, "%s (%s)%s", what, f"{status} {phrase}".rstrip(), reason)

    def ended(self, exc: Exception) -> None:
        """Log that an open connection has ended, who closed it, and why."""
        self.log(self._level, "connection closed: %s", in_words(exc))

    def head(self, mark: str, line: str, headers: Headers, body: Optional[bytes] = None) -> None:
        """Log a request or a response, if DEBUG is on: ``mark`` is "<" if it has been received."""
        if self.debugs:
            self.debug("%s %s", mark, line)
            for name, value in headers.raw_items():
                self.debug("%s %s: %s", mark, name, value)
            if body:
                self.debug("%s [body] (%d bytes)", mark, len(body))


def journal_of(connection: Any, logger: Any, level: int) -> Optional[Journal]:
    """
    Return what logs a connection's life, None if nobody wants to know.

    Arguments:
        connection: the connection.
        logger: where it is logged; it may be somebody's own, which only knows errors.
        level: the level of opening and end.
    """
    enabled = getattr(logger, "isEnabledFor", None)
    return Journal(logger, level, connection) if enabled is not None and enabled(level) else None


def in_words(exc: BaseException) -> str:
    """Return what an exception and its causes say, each thing once, in one harmless line."""
    words: list[str] = []
    cause: Optional[BaseException] = exc
    while cause is not None:
        text = show(str(cause) or type(cause).__name__)
        if not any(text in earlier for earlier in words):
            words.append(text)
        cause = cause.__cause__
    return "; ".join(words)


def name_of(address: Any) -> str:
    """Return an address as logs tell it."""
    if isinstance(address, tuple):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return os.fsdecode(address) if isinstance(address, bytes) else str(address)
