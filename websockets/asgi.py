"""
The face that ASGI servers see: uvicorn's WebSocket, served by this library's own connections.

    uvicorn application:app --ws websockets.asgi:WebSocketProtocol

Owns what the host gives and wants to know: its configuration, its sets of connections and tasks,
its log; and the order of steps from a request to an application that has returned. Must never know
a rule of the opening handshake, nor the form of an event, nor import a host. Key decision: events
that are messages don't come by here; they are the core's, between the application and the stream
that any connection has.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Optional

from . import _core
from ._engine.applications import (
    ACCEPT,
    ANSWERING,
    DONE,
    OPENED,
    OPENING,
    SEND,
    START,
    Event,
    EventSession,
    add_headers,
    address_of,
    check_type,
    client_of,
    close_of,
    disconnect,
    message_of,
    path_of,
    response_of,
    scope_of,
    status_of,
)
from ._sansio.server import ServerProtocol
from ._states import State
from ._transports.known import extra_info
from .asyncio.connection import Connection
from .exceptions import ConnectionClosed
from .extensions.permessage_deflate import enable_server_permessage_deflate
from .http11 import Response

__all__ = ["ClientDisconnected", "WebSocketProtocol"]


class ClientDisconnected(OSError):
    """Raised by an application's ``send()`` when the client is gone."""


class WebSocketProtocol(Connection):
    """
    A WebSocket connection of an ASGI application.

    A server makes one for each request that asks for WebSocket, calls ``connection_made()``, and
    ``data_received()`` with that request; from then on it is the transport's protocol.

    Arguments:
        config: the server's configuration, an object with the attributes ``loaded_app``, the
            application; ``root_path``, ``asgi_version``; ``ws_max_size``, in bytes;
            ``ws_max_queue``, in messages; ``ws_ping_interval`` and ``ws_ping_timeout``, in seconds;
            and ``ws_per_message_deflate``, whether to compress.
        server_state: what the server's connections share, an object with the sets ``connections``
            and ``tasks``, and ``default_headers``, pairs of bytes.
        app_state: what the application has kept in its lifespan.
    """

    _ws_session = EventSession
    _ws_in_fragments = False

    response: Optional[Response]

    _ws_expected = OPENING
    _ws_connecting = True  # whether the application hasn't been given its first event
    _ws_leaving = False  # whether the server is shutting down
    _ws_scope: Event
    _ws_answer: Any  # the response that opens the connection, or what there is of another
    _ws_channel: Any = None  # what the application calls

    def __init__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: Any = None
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        protocol = ServerProtocol(
            extensions=(
                enable_server_permessage_deflate(None) if config.ws_per_message_deflate else None
            ),
            max_size=config.ws_max_size,
            logger=logging.getLogger("uvicorn.error"),
        )
        super().__init__(
            protocol,
            ping_interval=config.ws_ping_interval or None,
            ping_timeout=config.ws_ping_timeout or None,
            max_queue=config.ws_max_queue,
        )

    # The server

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and start the task of the application."""
        super().connection_made(transport)
        self.server_state.connections.add(self)
        task = self.loop.create_task(_core.steps_of(self._ws_serve()))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def shutdown(self) -> None:
        """Close the connection with code 1012: the server is shutting down."""
        phase = self._ws_phase
        if phase.state == State.CLOSED:
            return
        if phase.state == State.CONNECTING:
            self._ws_leaving = True
            self._ws_refuse(500, "Internal Server Error")
        elif phase.state == State.CLOSING:
            phase.hang_up()
        else:
            # A client that has closed already is told no other code than its own.
            self._ws_leaving = phase.close_code is None
            phase.close(1012, "")

    def _ws_lost(self, exc: Optional[Exception]) -> None:
        super()._ws_lost(exc)
        self.server_state.connections.discard(self)
        self._ws_tell("decided")

    def _ws_changed(self) -> None:
        super()._ws_changed()
        # It ends: who waits for a message is told.
        self._ws_phase.stream.waiter.wake(False)

    # From the request to the end

    async def _ws_serve(self) -> None:
        await self._ws_handshaken()
        if self.request is not None:
            self._ws_answer = self.protocol.accept(self.request)
            if self.protocol.handshake_exc is None:
                await self._ws_run()
                return
            self._ws_respond(self._ws_answer)
        if not self._ws_phase.is_gone():
            self._ws_phase.half_close()

    async def _ws_run(self) -> None:
        """Run the application, and see to it that it has said what is to become of the client."""
        config, transport = self.config, self.transport
        scope = self._ws_scope = scope_of(
            self.request,  # type: ignore[arg-type]  # It has come.
            config.root_path,
            extra_info(transport, "sslcontext") is not None,
            address_of(extra_info(transport, "sockname")),
            client_address_of(transport),
            config.asgi_version,
            self.app_state.copy(),
        )
        channel = self._ws_channel = _core.Channel(
            self._ws_next, self._ws_take, self._ws_written, ConnectionClosed, self._ws_ended
        )
        logger = self.protocol.logger
        try:
            result = await config.loaded_app(scope, channel.receive, channel.send)
        except asyncio.CancelledError:
            # The server can't wait any longer.
            self._ws_phase.fail(1012)
            self._ws_phase.hang_up()
            raise
        except Exception as exc:
            if not (isinstance(exc, ClientDisconnected) and self._ws_is_gone()):
                logger.exception("Exception in ASGI application\n")
                self._ws_give_up(failed=True)
        else:
            if self._ws_expected in (OPENING, ANSWERING) and not self._ws_is_gone():
                logger.error("ASGI callable returned without completing handshake.")
            elif result is not None:
                logger.error("ASGI callable should return None, but returned '%s'.", result)
            self._ws_give_up()
        finally:
            # It refers to this connection.
            self._ws_channel = None

    def _ws_is_gone(self) -> bool:
        return self._ws_leaving or self._ws_phase.state not in (State.CONNECTING, State.OPEN)

    def _ws_give_up(self, failed: bool = False) -> None:
        """End what the application hasn't ended."""
        if self._ws_expected == OPENED:
            if failed:
                self._ws_phase.fail(1011)
            else:
                self._ws_phase.close(1000, "")
        elif self._ws_expected != DONE:
            self._ws_refuse(500, "Internal Server Error")

    # What the application calls, beside messages

    async def _ws_next(self) -> Event:
        """Return the next event, when the connection isn't open or was only just opened."""
        if self._ws_connecting:
            self._ws_connecting = False
            if self._ws_expected == OPENED:
                self._ws_channel.open_in(self._ws_phase.stream)
            return {"type": "websocket.connect"}
        if self._ws_expected in (OPENING, ANSWERING):
            await self._ws_future("decided", False)
        if self._ws_expected == OPENED and self._ws_phase.stream is not None:
            event: Event = await self._ws_channel.receive()
            return event
        return self._ws_ended()

    def _ws_ended(self) -> Event:
        """Return the event that tells how the connection has ended."""
        stream = self._ws_phase.stream
        if stream is None:
            return disconnect(1006)
        if self._ws_leaving:
            return disconnect(1012)
        close = stream.endpoint.close_rcvd or stream.endpoint.close_sent
        return disconnect(1006) if close is None else disconnect(close.code, close.reason)

    async def _ws_take(self, event: Event) -> None:
        """Do what an event of the application asks for."""
        expected = self._ws_expected
        if expected == DONE and not self._ws_leaving:
            check_type(DONE, event)
        kind = check_type(expected, event) if expected != DONE else ""
        if expected == OPENED:
            if self._ws_phase.state != State.OPEN:
                raise ClientDisconnected
            if kind == SEND:
                await self._ws_send(message_of(event))
            else:
                self._ws_phase.close(*close_of(event))
                self._ws_expected = DONE
        elif not self._ws_phase.is_answerable():
            raise ClientDisconnected
        elif kind == ACCEPT:
            self._ws_accept(event)
        elif kind == START:
            self._ws_tell_access(str(status_of(event)))
            self._ws_answer = event, []
            self._ws_expected = ANSWERING
        elif expected == ANSWERING:
            start, body = self._ws_answer
            body.append(event.get("body", b""))
            if not event.get("more_body", False):
                usual = self.server_state.default_headers
                self._ws_finish(response_of(start, usual, b"".join(body)))
        else:
            self._ws_tell_access("403")
            self._ws_refuse(403, "")

    def _ws_accept(self, event: Event) -> None:
        """Open the connection."""
        answer: Response = self._ws_answer
        headers = answer.headers.copy()
        # The server has a date of its own, or wants none.
        del headers["Date"]
        subprotocol = event.get("subprotocol")
        if subprotocol is not None:
            headers["Sec-WebSocket-Protocol"] = subprotocol
        add_headers(headers, self.server_state.default_headers)
        add_headers(headers, event.get("headers") or ())
        answer.headers = headers
        self.protocol.subprotocol = subprotocol
        self._ws_tell_access("[accepted]")
        self._ws_respond(answer)
        self._ws_begin()
        self._ws_expected = OPENED
        self._ws_channel.open_out(self._ws_phase.stream)
        if not self._ws_connecting:
            self._ws_channel.open_in(self._ws_phase.stream)
        self._ws_tell("decided")

    def _ws_refuse(self, status: int, text: str) -> None:
        """Answer that there will be no connection, if that can be."""
        if self._ws_phase.is_answerable():
            self._ws_finish(self.protocol.reject(status, text))

    def _ws_finish(self, response: Response) -> None:
        self._ws_expected = DONE
        self.response = response
        self._ws_respond(response)
        self._ws_phase.half_close()
        self._ws_tell("decided")

    def _ws_respond(self, response: Response) -> None:
        self.response = response
        self.protocol.send_response(response)
        self._ws_write()

    def _ws_tell_access(self, outcome: str) -> None:
        scope = self._ws_scope
        self.protocol.logger.info(
            '%s - "WebSocket %s" %s', client_of(scope), path_of(scope), outcome
        )

    async def _ws_send(self, message: Any) -> None:
        """Send a message in its turn."""
        try:
            await self._ws_phase.send(message, None)
        except ConnectionClosed as exc:
            raise ClientDisconnected from exc

    async def _ws_written(self) -> None:
        """Wait until the transport takes more."""
        try:
            await self._ws_phase.written()
        except ConnectionClosed as exc:
            raise ClientDisconnected from exc


def client_address_of(transport: Any) -> Any:
    """Return the client's address, None for a Unix socket, where it has none."""
    address = address_of(extra_info(transport, "peername"))
    return None if address is None or address[1] is None else address
