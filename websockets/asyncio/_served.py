"""
A server's end of today's connections: the opening handshake, and the task that runs a handler.

Owns the order in which a connection is served, from its transport to the end of TCP. Must never
know the rules of the opening handshake, which are the protocol's, nor who listens. Key decision: a
connection has one task, which isn't made before there is something for it to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Callable, Optional, Union

from .._core import forget_frames, steps_of
from .._engine.overridable import made_once
from .._faces.answering import Answering
from .._registry import WebSocketServer, is_running
from .._sansio.server import ServerProtocol
from .._states import CONNECTING, State
from ..http11 import SERVER, Request, Response
from .connection import Connection

__all__ = ["ProcessRequest", "ProcessResponse", "ServerConnection"]

ProcessRequest = Callable[
    ["ServerConnection", Request], Union[Awaitable[Optional[Response]], Optional[Response]]
]
ProcessResponse = Callable[
    ["ServerConnection", Request, Response],
    Union[Awaitable[Optional[Response]], Optional[Response]],
]

TOO_SLOW = "timed out during opening handshake"


class ServerConnection(Answering, Connection):
    """
    The server's end of a connection, as handlers are given it.

    Arguments:
        protocol: a :class:`~websockets.server.ServerProtocol`.
        server: the :class:`Server`.
        ping_interval, ping_timeout, close_timeout, max_queue, write_limit: see
            :class:`~websockets.asyncio.connection.Connection`.

    Attributes:
        server: as given.
        username: the user, once ``basic_auth()`` has let the client in.
        handler, handler_kwargs: what a router has found for the request.
    """

    response: Optional[Response]

    _ws_deadlines: Any = None  # which wait for the opening handshake
    _ws_expired = False  # whether the opening handshake has taken too long
    _ws_served = False  # whether the task has begun

    def __init__(
        self,
        protocol: ServerProtocol,
        server: WebSocketServer,
        *,
        ping_interval: Optional[float] = 20,
        ping_timeout: Optional[float] = 20,
        close_timeout: Optional[float] = 10,
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]] = 16,
        write_limit: Union[int, tuple[int, Optional[int]]] = 2**15,
    ) -> None:
        self.server = server
        super().__init__(
            protocol,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            close_timeout=close_timeout,
            max_queue=max_queue,
            write_limit=write_limit,
        )

    @made_once
    def request_rcvd(self) -> asyncio.Future[None]:
        """A future that is done when the request has come, or there won't be any."""
        return self._ws_future("handshaken", self.request is not None)

    @made_once
    def handler_task(self) -> asyncio.Task[None]:
        """The task that serves the connection; it is made when there is something to do."""
        if self._ws_phase.start is None:
            if self._ws_served:
                # An eager task begins before whoever makes it has it.
                return asyncio.current_task()  # type: ignore[return-value]
            raise AttributeError("there is no transport yet")
        self._ws_phase.start = None
        task = self.loop.create_task(steps_of(self._ws_serve()))
        task.add_done_callback(self._ws_ended)
        return task

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and have the connection served as soon as there is a request."""
        super().connection_made(transport)
        server = self.server
        self._ws_phase.ending.server = server
        server.register(self)
        if self._ws_is_open:
            return  # Whoever has opened it in his own way serves it as well.
        seconds = server.open_timeout
        if seconds is not None:
            self._ws_deadlines = server._ws_deadlines(seconds, expire)
            self._ws_deadlines.add(self)
        if type(self).handshake is ServerConnection.handshake:
            self._ws_phase.start = self._ws_start
        else:
            self._ws_start()

    def _ws_start(self) -> None:
        self.handler_task = self.loop.create_task(steps_of(self._ws_serve()))

    def _ws_ended(self, task: Any) -> None:
        """See to what a task would have seen to that was cancelled before it began."""
        if self._ws_served:
            return
        if self._ws_deadlines is not None:
            self._ws_deadlines.remove(self)
        self.server.unregister(self)
        try:
            task.result()
        except asyncio.CancelledError as exc:
            forget_frames(exc)
            break_off(self, exc)

    # The opening handshake

    async def handshake(
        self,
        process_request: Optional[ProcessRequest] = None,
        process_response: Optional[ProcessResponse] = None,
        server_header: Optional[str] = SERVER,
    ) -> None:
        """
        Perform the opening handshake (RFC 6455 4.2).

        Arguments:
            process_request, process_response, server_header: see :func:`serve`.

        Raises:
            Exception: if the request isn't acceptable.
        """
        phase = self._ws_phase
        self._ws_hear(phase.reader if phase.complete else await phase.head())
        if self.request is not None:
            if process_request is None and process_response is None:
                self._ws_complete(None, server_header)
            else:
                await self._ws_decide(process_request, process_response, server_header)
            if not self._ws_phase.is_answerable():
                raise ConnectionError("the client went away during the opening handshake")
            self._ws_answer()
        if self.protocol.handshake_exc is not None:
            raise self.protocol.handshake_exc
        if self._ws_opens():
            self._ws_begin()

    def _ws_is_served(self) -> bool:
        serving: bool = self.server.is_serving()
        return serving

    def _ws_answer(self) -> None:
        protocol, response = self.protocol, self.response
        assert response is not None  # It was decided.
        if response.status_code == 101 and type(protocol) is ServerProtocol:
            self.transport.write(protocol._switch(response))
        else:
            protocol.send_response(response)
            self._ws_write()

    # The task

    async def _ws_serve(self) -> None:
        """Serve the connection from the opening handshake to the end of TCP."""
        server = self.server
        try:
            if await self._ws_open():
                try:
                    await server.handler(self)
                except Exception:
                    self.logger.error("connection handler failed", exc_info=True)
                    await self.close(1011)
                else:
                    await self.close()
            await self._ws_phase.wait_closed()
        except BaseException as exc:
            server.unregister(self)
            break_off(self, exc)
            if isinstance(exc, Exception):
                return
            # The task keeps this exception, and its frames would keep the connection.
            forget_frames(exc)
            del self
            raise exc
        server.unregister(self)

    async def _ws_open(self) -> bool:
        """Perform the opening handshake; return whether the connection is open."""
        self._ws_served = True
        try:
            try:
                if self._ws_expired:
                    raise asyncio.TimeoutError(TOO_SLOW)
                await self.handshake(*self.server.handshake_arguments)
            except asyncio.CancelledError:
                # Since Python 3.11 a task counts its cancellations, of which only one here is ours.
                if self._ws_expired and getattr(self.handler_task, "cancelling", int)() <= 1:
                    raise asyncio.TimeoutError(TOO_SLOW) from None
                raise
            finally:
                if self._ws_deadlines is not None:
                    self._ws_deadlines.remove(self)
                if self._ws_expired and hasattr(self.handler_task, "uncancel"):
                    self.handler_task.uncancel()
        except asyncio.TimeoutError as exc:
            self.logger.debug("! %s", exc)
            self.transport.abort()
            return False
        except Exception as exc:
            gone = self._ws_phase.is_gone()
            self._ws_not_opened(exc, gone)
            if not gone:
                self._ws_phase.half_close()
            return False
        if self._ws_phase.state == CONNECTING:
            self._ws_phase.half_close()
            return False
        return True

    def _ws_shut_down(self, closing: Optional[tuple[int, str]]) -> None:
        """Take part in the server's shutdown."""
        if self.state is State.CONNECTING:
            if self._ws_phase.is_answerable():
                # Nobody waits for the request any more.
                self.response = self._ws_refusal()
                self._ws_answer()
                self._ws_phase.half_close()
        elif closing is not None:
            if type(self).close is ServerConnection.close:
                self._ws_phase.close(*closing)
            else:
                self._ws_closing = self.loop.create_task(self.close(*closing))


# Programs find it there, in tracebacks and pickles as well.
ServerConnection.__module__ = "websockets.asyncio.server"


def expire(connection: ServerConnection) -> None:
    """End an opening handshake that takes too long."""
    connection._ws_expired = True
    if connection._ws_served:
        connection.handler_task.cancel()
    else:
        # A task that is cancelled before it begins would do nothing.
        connection._ws_phase.give_up(asyncio.TimeoutError(TOO_SLOW))
        if connection.handler_task.done():
            connection._ws_ended(connection.handler_task)


def break_off(connection: ServerConnection, exc: BaseException) -> None:
    """End a connection whose task ends with an exception, so that nobody will see to it."""
    phase = connection._ws_phase
    if isinstance(exc, asyncio.CancelledError):
        # The program or the loop is stopping: there is no time for more than this.
        phase.fail(1001)
        phase.hang_up()
    elif isinstance(exc, GeneratorExit) and not is_running(connection.handler_task):
        pass  # Nobody raised it: the task is thrown away, together with its loop.
    elif connection.state is State.CONNECTING:
        connection.logger.error("opening handshake failed", exc_info=True)
        phase.hang_up()
    else:
        connection.logger.error("connection handler failed", exc_info=True)
        phase.fail(1011)
