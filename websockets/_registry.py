"""
A running server: which connections it has, and how it ends.

Owns the order in which a server closes: it stops listening, tells its connections, and waits for
them. Must never know how a connection opens or closes: it asks a protocol to ``shut_down()``, and
waits for its ``handler_task``. Key decision: who closes doesn't have to wait, and who waits doesn't
have to close. Today's ``Server`` is a subclass.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Optional

from ._engine.deadlines import Deadlines, LoneDeadline
from ._engine.ending import ClosingDeadlines
from ._engine.making import let_out
from ._states import State
from ._transports.handshakes import Handshakes

__all__ = ["WebSocketServer", "is_running"]


class WebSocketServer:
    """
    A running server, as returned by ``serve()``; it has the methods of
    :class:`asyncio.AbstractServer`.

    Arguments:
        loop: the event loop.
        logger: where errors are logged, ``websockets.server`` by default.

    Attributes:
        server: the underlying :class:`asyncio.Server`.
        websockets: all connections, those that are opening or closing included.
        handshakes: the TLS handshakes of those that aren't opening yet.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, logger: Any = None) -> None:
        self.loop = loop
        self.logger: Any = logger or logging.getLogger("websockets.server")
        self.server: Any = None
        self.websockets: set[Any] = set()
        self.handshakes: Handshakes = Handshakes(self.logger)
        self.close_task: Optional[asyncio.Task[None]] = None
        self._deadlines: Optional[Deadlines] = None
        self._closing_deadlines: Optional[ClosingDeadlines] = None
        self._closed_waiter: asyncio.Future[None] = loop.create_future()

    def wrap(self, server: Any) -> None:
        """Take the server that listens."""
        self.server = server

    def register(self, protocol: Any) -> None:
        """Keep track of a connection."""
        self.websockets.add(protocol)

    def unregister(self, protocol: Any) -> None:
        """Stop keeping track of a connection."""
        self.websockets.discard(protocol)

    def _ws_deadlines(self, seconds: float, expire: Callable[[Any], None]) -> Deadlines:
        """Return what ends opening handshakes that take longer; ``expire`` is always the same."""
        if self._deadlines is None or self._deadlines.seconds != seconds:
            self._deadlines = Deadlines(self.loop, seconds, expire)
        return self._deadlines

    def _ws_closing_deadlines(self, seconds: float, expire: Callable[[Any], None]) -> Any:
        """Return the same for ends of connections; one that takes another time has its own."""
        if self._closing_deadlines is None:
            self._closing_deadlines = ClosingDeadlines(self.loop, seconds, expire)
        elif self._closing_deadlines.seconds != seconds:
            return LoneDeadline(self.loop, seconds, expire)
        return self._closing_deadlines

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self.close_task is None and self.server is not None and self.server.is_serving()

    def close(self, close_connections: bool = True, code: int = 1001, reason: str = "") -> None:
        """
        Close the server, without waiting: see :meth:`wait_closed`.

        It stops listening, answers unfinished opening handshakes with 503 Service Unavailable, and
        closes open connections. It does nothing if called again.

        Arguments:
            close_connections: whether to close open connections; otherwise their handlers go on,
                and the server is closed when they have returned.
            code, reason: what to close them with, 1001 (going away) by default.
        """
        if self.close_task is None:
            closing = (code, reason) if close_connections else None
            self.close_task = self.loop.create_task(self._close(closing))

    async def _close(self, closing: Optional[tuple[int, str]]) -> None:
        try:
            await self._close_connections(closing)
        except Exception:
            self.logger.error("error while a server was closing", exc_info=True)
        finally:
            if self._deadlines is not None:
                self._deadlines.stop()
            if self._closing_deadlines is not None:
                # A handler that was cancelled hasn't waited for the end of its connection.
                self._closing_deadlines.finish()
                self._closing_deadlines = None
            # Whatever went wrong, nobody is left waiting.
            if not self.loop.is_closed():
                self._closed_waiter.set_result(None)

    async def _close_connections(self, closing: Optional[tuple[int, str]]) -> None:
        await self._let_in()
        try:
            self.server.close()
        except (OSError, ValueError):
            listened = False  # The program has closed the socket that it gave us.
        else:
            listened = True
        self.handshakes.abort()
        # What was accepted before but isn't registered yet gets its turn, and is refused.
        await asyncio.sleep(0)
        for protocol in list(self.websockets):
            self._shut_down(protocol, closing)
        # Since Python 3.12 the underlying server waits for its connections, so they go first.
        while tasks := self._handler_tasks():
            await asyncio.wait(tasks)
        if hasattr(self.server, "abort_clients"):
            # Of those whose TLS is the event loop's, some may have no protocol yet.
            self.server.abort_clients()  # pragma: no cover (since Python 3.13)
        if listened:
            await self.server.wait_closed()

    async def _let_in(self) -> None:
        """
        Accept no more, and let those in who were accepted already, but have no transport yet.

        asyncio's server can't have transports any more once it is closed: it would leave their
        sockets open, without a word.
        """
        if isinstance(self.loop, asyncio.SelectorEventLoop):
            for sock in getattr(self.server, "sockets", None) or ():
                # The program may have closed the socket that it gave us.
                with contextlib.suppress(OSError, ValueError):
                    self.loop.remove_reader(sock)
            await asyncio.sleep(0)

    def _shut_down(self, protocol: Any, closing: Optional[tuple[int, str]]) -> None:
        """Tell a connection that the server closes; if it fails to hear that, end it."""
        try:
            if closing == (1001, "") and hasattr(protocol, "shut_down"):
                protocol.shut_down()
            else:
                protocol._ws_shut_down(closing)
        except BaseException as exc:
            self.logger.error("error in shut_down() of a connection", exc_info=True)
            with contextlib.suppress(Exception):
                protocol.transport.abort()
            let_out(self.loop, exc)

    def _handler_tasks(self) -> list[Any]:
        """Forget the connections whose handlers have ended; return the tasks of the others."""
        # A task is done in the turn in which it unregisters its connection, or before; protocols
        # that aren't ours may have none.
        tasks = {protocol: getattr(protocol, "handler_task", None) for protocol in self.websockets}
        self.websockets = {
            protocol
            for protocol, task in tasks.items()
            if asyncio.isfuture(task) and not task.done()
        }
        return [tasks[protocol] for protocol in self.websockets]

    async def wait_closed(self) -> None:
        """Wait until the server is closed: no connection is left, all handlers have returned."""
        await asyncio.shield(self._closed_waiter)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        return self.loop

    async def start_serving(self) -> None:
        """Start accepting connections, after ``serve(..., start_serving=False)``."""
        await self.server.start_serving()

    async def serve_forever(self) -> None:
        """Accept connections until the server is closed; close it if this is cancelled."""
        # The underlying server would wait for its connections before we could close them.
        await self.start_serving()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    @property
    def connections(self) -> set[Any]:
        """The connections that are open, as a new set."""
        return {
            protocol
            for protocol in self.websockets
            if getattr(protocol, "state", None) == State.OPEN
        }

    @property
    def sockets(self) -> Optional[list[Any]]:
        """Sockets that the server listens on, None once it is closed."""
        if self.close_task is not None or self.server is None:
            return None
        return list(self.server.sockets) or None

    async def __aenter__(self) -> WebSocketServer:
        return self

    async def __aexit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()
        await self.wait_closed()


def is_running(task: Any) -> bool:
    """Tell whether a task is the one that runs at the moment."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return False
