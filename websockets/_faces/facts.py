"""
The facts of a connection: what programs may ask it, whatever drives it.

Owns the names of these facts, who is told of them, and how a connection that is being opened comes
to its endpoint. Must never know what waits for what: asyncio, trio and threads stand on this. Key
decisions: a connection without I/O, its ``protocol``, knows its state and how it ended, and its
phase knows what is under way; so a face keeps neither. What is newer than programs that subclass
connections gives way to an attribute of theirs.
"""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any, Optional, Union

from .. import _core, _environment
from .._engine.assembler import Assembler
from .._engine.limits import limits_of_queue
from .._engine.overridable import made_once, overridable
from .._sansio.chain import WatchedChain, chain_of
from .._states import Side, State
from ..exceptions import ConnectionClosed
from ..typing import Subprotocol

if TYPE_CHECKING:
    import uuid

__all__ = ["Facts"]

Address = Union[tuple[str, int], tuple[str, int, int, int], str, None]


class Facts:
    """
    What all connections of today's API have in common; 8.1's are among them.

    A subclass has its ``protocol`` and a phase.
    """

    __slots__ = ()  # for the sake of those that it is one base of several of

    _ws_is_open = False  # whether a program has done the opening handshake in its own way

    # What has its usual value takes no memory of a connection: then it is the class's.
    ping_interval: Optional[float] = 20
    ping_timeout: Optional[float] = 20
    close_timeout: Optional[float] = 10
    max_queue: Any = 16
    max_fragments: Optional[int] = _environment.MAX_FRAGMENTS

    protocol: Any
    request: Any = None
    response: Any = None
    connection_exc: Any = None

    # All that isn't documented begins with _ws_, so that programs' own attributes don't meet it.
    _ws_phase: Any
    _ws_in_fragments = True  # whether fragments wait for the program, or messages
    _ws_offloads = False  # whether there is somebody who works on large frames elsewhere

    # How it is, and how it ended

    @property
    def state(self) -> State:
        """State of the connection."""
        state: State = self.protocol.state
        return state

    @property
    def close_code(self) -> Optional[int]:
        """Close code that the peer sent, 1006 if none (RFC 6455 7.1.5); None before the end."""
        code: Optional[int] = self.protocol.close_code
        return code

    @property
    def close_reason(self) -> Optional[str]:
        """Close reason that the peer sent, "" if none (RFC 6455 7.1.6); None before the end."""
        reason: Optional[str] = self.protocol.close_reason
        return reason

    @overridable
    def close_exc(self) -> ConnectionClosed:
        """The exception that tells how the connection ended; it must be closed."""
        exc: ConnectionClosed = self.protocol.close_exc
        return exc

    # Whose it is

    @property
    def local_address(self) -> Address:
        """
        Address of this end, ``(host, port)`` for IPv4.

        None where no socket carries the bytes; in threads, OSError once the socket is closed.
        """
        return self._ws_address("sockname")

    @property
    def remote_address(self) -> Address:
        """Address of the peer; otherwise as :attr:`local_address`."""
        return self._ws_address("peername")

    def _ws_address(self, name: str) -> Address:
        """Return the "sockname" or the "peername" of what carries the bytes."""
        raise NotImplementedError

    @overridable
    def id(self) -> uuid.UUID:
        """An identifier for logs, random."""
        identifier: uuid.UUID = self.protocol.id
        return identifier

    @overridable
    def subprotocol(self) -> Optional[Subprotocol]:
        """The subprotocol agreed upon, or None."""
        subprotocol: Optional[Subprotocol] = self.protocol.subprotocol
        return subprotocol

    # What is under way

    @overridable
    def latency(self) -> float:
        """Seconds from the last ping that was answered to its pong, 0 before."""
        latency: float = self._ws_phase.latency
        return latency

    @overridable
    def pending_pings(self) -> dict[bytes, Any]:
        """The pings that wait for their pongs, by payload."""
        pings: dict[bytes, Any] = self._ws_phase.pending_pings
        return pings

    @overridable
    def recv_messages(self) -> Assembler:
        """What has arrived and waits: see its attributes high, low, paused and frames."""
        return Assembler(self.max_queue, self._ws_phase.endpoint)

    # Logs

    @overridable
    def debug(self) -> bool:
        """Whether frames are logged."""
        debug: bool = self.protocol.debug
        return debug

    @made_once
    def logger(self) -> Any:
        """Where things are logged; each record gets ``websocket``, a weak proxy of this."""
        return logging.LoggerAdapter(self.protocol.logger, {"websocket": weakref.proxy(self)})

    @overridable
    def _ws_logger(self) -> Any:
        return self.logger

    def _ws_log(self) -> Any:
        """Return what is told of the steps towards the end, None if nobody wants to know."""
        protocol = self.protocol
        # Where nothing is logged, no connection needs a logger of its own.
        if protocol.logger.isEnabledFor(logging.INFO):
            protocol.logger = self.logger
        return self.logger.debug if protocol.debug else None

    # What happens: a subclass may override what is documented

    def process_event(self, event: Any) -> None:
        """
        Take notice of what the peer has sent.

        Arguments:
            event: its half of the opening handshake; and a :class:`~websockets.frames.Frame` for
                each that comes, if this is overridden. Who overrides it sees frames, but messages
                are put together elsewhere.
        """
        if hasattr(event, "method"):
            self.request = event
        elif hasattr(event, "status_code"):
            self.response = event

    def set_connection_exc(self, exc: Any) -> None:
        """Note why TCP ended, unless that is known."""
        if self.connection_exc is None:
            self.connection_exc = exc

    def _ws_changed(self) -> None:
        """Log a change of the state."""
        if self.protocol.debug:
            self.protocol._log_changes()

    def _ws_lost(self, exc: Any) -> None:
        """Take notice that what carried the bytes is gone."""
        if exc is not None:
            self.set_connection_exc(exc)
        if self._ws_phase.endpoint is None:
            return
        self._ws_changed()
        if not self._ws_is_client:
            self.protocol.logger.info("connection closed")

    # From the opening handshake to messages

    @overridable
    def _ws_is_client(self) -> bool:
        is_client: bool = self.protocol.side is Side.CLIENT
        return is_client

    def _ws_limits(self) -> tuple[Optional[int], Optional[int]]:
        """Return the most bytes of a message, and of a frame."""
        protocol = self.protocol
        return protocol.max_message_size, protocol.max_fragment_size

    def _ws_endpoint(self, gathered: int = 0) -> Any:
        """
        Make the endpoint, once the opening handshake is complete.

        Arguments:
            gathered: bytes that messages which are sent quickly may wait for each other with.
        """
        high, low = limits_of_queue(self.max_queue)
        message, frame = self._ws_limits()
        endpoint = _core.Endpoint(
            self._ws_is_client,
            message,
            high,
            self.max_fragments,
            self._ws_chain(),
            gathered,
            low,
            frame,
            self._ws_in_fragments,
        )
        if self._ws_is_open:
            endpoint.holds_close = False  # There is no handler that is about to answer.
        return endpoint

    def _ws_chain(self) -> Any:
        """Return what passes frames through the extensions, None if nobody wants to see them."""
        protocol, chain = self.protocol, None
        if protocol._agreed or protocol.debug:
            logger = self.logger if protocol.debug else None
            chain = chain_of(protocol.extensions, logger, self._ws_offloads)
        chain = protocol._watched(chain)
        if type(self).process_event is not Facts.process_event:
            chain = WatchedChain(chain, weakref.WeakMethod(self.process_event))
        return chain
