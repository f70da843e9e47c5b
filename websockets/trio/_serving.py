"""
A running server on trio: its listeners, the tasks of its connections, and how it closes.

Owns the tasks of a server, and the order in which it closes. Must never know how a connection is
made nor what its handshake says. Key decision: a server is a nursery with a task for each
connection, inside the task that runs ``serve()``; so whoever cancels that has ended all of it when
it returns.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from types import TracebackType
from typing import Any, Callable, Optional, TypeVar

import trio

from .._engine.journal import name_of
from .._faces.answering import Asked
from .._states import State
from ..typing import LoggerLike
from ._streams import address_of, close_at_once

__all__ = ["RunningServer"]

Entered = TypeVar("Entered", bound="RunningServer")


class RunningServer(Asked, trio.abc.AsyncResource):
    """
    A server that accepts connections, and serves each in a task.

    Arguments:
        listeners: listeners of the connections, each a ``trio.SocketListener``.
        handler: coroutine function that serves a stream.
        logger: ``websockets.server`` by default.
    """

    def __init__(
        self,
        listeners: Sequence[trio.abc.Listener[Any]],
        handler: Callable[..., Awaitable[Any]],
        logger: Optional[LoggerLike] = None,
    ) -> None:
        self.listeners: list[Any] = list(listeners)
        self.handler = handler
        self.logger: Any = logging.getLogger("websockets.server") if logger is None else logger
        self.all_connections: set[Any] = set()
        self.closing: bool = False
        self._serve_stream: Callable[[trio.abc.Stream], Awaitable[Any]] = handler
        self._accepting = trio.CancelScope()
        self._handlers: Optional[trio.Nursery] = None  # while it runs
        self._closed = trio.Event()

    async def serve_forever(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """
        Accept connections until the server is closed, and serve them.

        Arguments:
            task_status: what is told once it listens, of the server.
        """
        for listener in self.listeners:
            self.logger.info("server listening on %s", name_of(address_of(listener, "getsockname")))
        try:
            async with trio.open_nursery() as self._handlers:
                with self._accepting:
                    async with trio.open_nursery() as accepting:
                        await accepting.start(self._accept, self._handlers)
                        task_status.started(self)
        finally:
            self._stop()
            await close_at_once(*self.listeners)
            self.logger.info("server closed")
            self._handlers = None
            self._closed.set()

    async def _accept(self, handlers: trio.Nursery, task_status: Any) -> None:
        await trio.serve_listeners(
            self._serve_stream, self.listeners, handler_nursery=handlers, task_status=task_status
        )

    def _stop(self) -> None:
        if not self.closing:
            self.closing = True
            self.logger.info("server closing")
            self._accepting.cancel()

    async def aclose(
        self, close_connections: bool = True, code: int = 1001, reason: str = ""
    ) -> None:
        """
        Close the server, and wait until its handlers have returned.

        It stops listening, answers unfinished opening handshakes with 503 Service Unavailable, and
        closes open connections. If this is cancelled, so are the handlers.

        Arguments:
            close_connections: whether to close open connections; otherwise their handlers go on,
                and the server is closed when they have returned.
            code, reason: what to close them with, 1001 (going away) by default.
        """
        begun = self.closing
        self._stop()
        await close_at_once(*self.listeners)
        if self._handlers is None:
            await trio.lowlevel.checkpoint()
            return
        try:
            if not begun:
                await self._close_connections((code, reason) if close_connections else None)
            await self._closed.wait()
        except BaseException:
            if self._handlers is not None:
                self._handlers.cancel_scope.cancel()
            raise

    async def _close_connections(self, closing: Optional[tuple[int, str]]) -> None:
        async with trio.open_nursery() as nursery:
            for connection in list(self.all_connections):
                if connection.state is State.CONNECTING:
                    connection._ws_opening.cancel()
                elif closing is not None:
                    nursery.start_soon(connection.aclose, *closing)

    async def __aenter__(self: Entered) -> Entered:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.aclose()
