"""
One endpoint of an open connection, without its socket: bytes in, messages and bytes out.

Owns the rules that span frames and directions: control frames (RFC 6455 section 5.5), the closing
handshake (7), the order of events after a violation (7.1.7). Must never know asyncio, sockets,
clocks or HTTP. Key decisions:

- Received messages wait in an inbox, bytes to send in ``outbox``. Parsing stops while the inbox is
  full; the bytes that wait stay bytes.
- A close frame that we owe the peer, because it sent one or broke the protocol, is held back while
  messages that came before it are unread, so that what the program answers to them at once goes
  out first. :meth:`Connection.settle` ends the wait.
- Work of extensions that takes long can be done elsewhere: it is handed out as a function, and
  what comes after it waits.

States only move forward: OPEN, then CLOSING once our close frame is in the outbox, then CLOSED.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional, Union

from websockets.exceptions import (
    InvalidState,
    PayloadTooBig,
    ProtocolError,
    WebSocketException,
)

from .closing import parse_close, serialize_close
from .constants import (
    CLOSED,
    CLOSING,
    NOW,
    OP_BINARY,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    OPEN,
    UNLIMITED,
)
from .frames import FrameReader, check_control
from .gathering import Gathering
from .keys import masking_key
from .messages import InvalidText, MessageAssembler
from .pack import pack_frame, pack_header, to_bytes

__all__ = ["Connection", "forget_frames"]

# While so many frames wait to leave, a ping is answered only if no other follows it.
CROWD = 64

# Payloads from this size on go to the outbox as they are, behind their header, instead of being
# copied behind it; not those that may change while they wait.
LARGE = 16384

# Payloads of which so many bytes are still to come may be read straight into their place.
LONG = 65536


def forget_frames(exc: BaseException) -> None:
    """Drop tracebacks: their frames refer to the connection, which refers to the exception."""
    chain: Optional[BaseException] = exc
    while chain is not None:
        chain.__traceback__ = None
        chain = chain.__cause__ or chain.__context__


class Connection:
    """
    The state of one endpoint after the opening handshake.

    Arguments:
        is_client: which side this is; a client masks what it sends.
        max_size: largest message to receive in bytes; None for no limit.
        max_queue: most messages in the inbox; None for no limit.
        max_fragments: most frames in a message to receive; None for no limit.
        extensions: None, or an object with
            ``leaves(opcode, rsv) -> bool``, whether a received frame needn't be decoded, and
            ``decode(fin, rsv, opcode, payload, max_size) -> (fin, opcode, payload)`` and
            ``encode(fin, opcode, payload) -> (rsv, opcode, payload)``,
            where rsv are the bits 0x70 of a frame's first byte; encode gets ``compress``, too, if
            :meth:`send` does. ``sharing_key``, if it is there and not None, is equal for objects
            that encode messages alike. ``thread_size``, if it is there and not None, is the size
            in bytes of payloads from which on this is done elsewhere: see ``work`` and
            :meth:`encoding`.
        gather: whether messages that are sent quickly, one after the other, may leave together.

    Attributes:
        state: OPEN, CLOSING or CLOSED.
        waiting: how many messages are in the inbox.
        outbox: byte strings to send, oldest first; take them with :meth:`collect`.
        pongs: payloads of the pongs received; whoever handles them clears the list.
        close_code, close_reason: how the connection ended, None before.
        close_received: whether a close frame of the peer ended what it has to say.
        failure: the exception that made us fail the connection, or None.
        hold_pongs: set it while nothing can be sent; pings are then answered by one pong to the
            latest of them once it is unset with :meth:`release_pongs`.
        work: a function that decodes a received frame, or None. Any thread may call it; while it is
            there nothing is parsed, and :meth:`resume` goes on with what it returns.
    """

    def __init__(
        self,
        is_client: bool,
        max_size: Optional[int] = None,
        max_queue: Optional[int] = None,
        max_fragments: Optional[int] = None,
        extensions: Any = None,
        gather: bool = True,
    ) -> None:
        self.state = OPEN
        self.outbox: list[bytes] = []
        self.pongs: list[bytes] = []
        self.close_code: Optional[int] = None
        self.close_reason: Optional[str] = None
        self.close_received = False
        self.failure: Optional[BaseException] = None
        self.hold_pongs = False
        self.work: Optional[Callable[[], Any]] = None
        self.is_client = is_client
        self.waiting = 0
        # The inbox: what has arrived, and of it what is being taken, in reverse order.
        self._arrived: list[Union[str, bytes]] = []
        self._taken: list[Union[str, bytes]] = []
        self._max_queue = UNLIMITED if max_queue is None else max_queue
        self._outbox_size = 0
        self._gathering: Optional[Gathering] = Gathering() if gather else None
        self._answering = False  # a message was taken since the program sent one
        self._fresh = False  # messages came into the empty inbox since the program sent one
        self._extensions = extensions
        thread_size = getattr(extensions, "thread_size", None)
        self._thread_size = UNLIMITED if thread_size is None else thread_size
        self._decoding = False  # whether extensions decode the current frame
        self._reader = FrameReader(not is_client, extensions is not None)
        self._messages = MessageAssembler(max_size, max_fragments)
        self._frame = bytearray()  # a frame that extensions will decode once it is complete
        self._held_pong: Optional[bytes] = None
        self._owed_close: Optional[bytes] = None  # payload of the close frame held back
        self._deaf = False  # nothing more from the peer is of interest
        self._overflow = False  # a message had no room in the inbox while closing

    # Properties that may change while the connection is open

    @property
    def max_size(self) -> Optional[int]:
        """Largest message to receive in bytes."""
        return self._messages.max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        self._messages.max_size = max_size

    # What the owner of the socket asks

    @property
    def inbox(self) -> list[Union[str, bytes]]:
        """The messages that wait, oldest first; see :meth:`take`."""
        return self._taken[::-1] + self._arrived

    @property
    def stalled(self) -> bool:
        """Whether parsing has stopped for want of room or for work: more bytes only pile up."""
        if self._deaf:
            return False
        return self.work is not None or (self.state == OPEN and self.is_full())

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return self._reader.buffered

    @property
    def owes_close(self) -> bool:
        """Whether a close frame is held back until the inbox has been read."""
        return self._owed_close is not None

    def is_quiet(self) -> bool:
        """Whether the connection is open, and no close frame is held back."""
        return self.state == OPEN and self._owed_close is None

    @property
    def offloads(self) -> bool:
        """Whether large payloads are encoded and decoded elsewhere."""
        return self._thread_size != UNLIMITED

    @property
    def finished(self) -> bool:
        """Whether the closing handshake is over: done by both sides, or given up by ours."""
        return self.state != OPEN and self._deaf

    # Receiving

    def receive(self, data: Union[bytes, bytearray, memoryview]) -> bool:
        """
        Take bytes from the peer, and parse what there is room for.

        Never raises for what the peer sent: a violation fails the connection, see ``failure``.

        Returns:
            whether there is something to see to beside messages in the inbox.
        """
        if not self._deaf:
            if not self.waiting:
                self._fresh = True
            self._reader.feed(data if type(data) is bytes else bytes(data))
            self._parse(False)
        return self._eventful()

    def space(self) -> Optional[memoryview]:
        """
        Return memory to read what comes next into, for :meth:`fill`.

        None if that isn't a large part of a payload, or has to wait or to be decoded.
        """
        reader = self._reader
        if reader.missing < LONG or self._decoding or self._deaf or reader.buffered:
            return None
        if self.is_full() and self.state == OPEN:
            return None
        return self._messages.space(reader.missing)

    def fill(self, size: int) -> bool:
        """Take bytes that were read into that memory; otherwise as :meth:`receive`."""
        reader = self._reader
        if not self._deaf:
            if not self.waiting:
                self._fresh = True
            reader.skip(size)
            try:
                message = self._messages.fill(size, reader.key, reader.offset, reader.missing)
            except InvalidText as exc:
                self.fail(1007, str(exc), exc)
            else:
                if message is not None:
                    self._deliver(message)
        return self._eventful()

    def _eventful(self) -> bool:
        return (
            self._outbox_size != 0
            or len(self.pongs) != 0
            or self._reader.missing >= LONG
            or self.is_full()
            or self.work is not None
            or not self.is_quiet()
        )

    def take(self) -> Union[str, bytes]:
        """Take the oldest message from the inbox, and parse on where that makes room."""
        if not self._taken:
            self._arrived, self._taken = self._taken, self._arrived
            self._taken.reverse()
        message = self._taken.pop()
        self._answering = True
        self.waiting -= 1
        if self.waiting + 1 == self._max_queue:
            self._parse(False)
        return message

    def resume(self) -> None:
        """Take what ``work`` returns, and parse on; nothing happens if it isn't needed any more."""
        work, self.work = self.work, None
        if work is not None:
            try:
                try:
                    fin, opcode, payload = work()
                except PayloadTooBig as exc:
                    raise self._messages.too_big(exc) from exc.__cause__
                self._decoded(fin, opcode, payload)
            except Exception as exc:
                self._blame(exc)
            self._parse(False)

    def lost(self) -> None:
        """Note that nothing more will come or go; what came before is parsed to its end."""
        if self.state == CLOSED:
            return
        self._thread_size = UNLIMITED
        self.resume()
        self._parse(True)
        self._stop_listening()
        self.state = CLOSED
        self._owed_close = None
        self._held_pong = None
        self.collect()
        if self.close_code is None:
            # RFC 6455 7.1.5: no close frame was received.
            self.close_code = 1006
            self.close_reason = ""

    def is_full(self) -> bool:
        """Whether the inbox has no room for another message."""
        return self.waiting >= self._max_queue

    def _parse(self, ignore_room: bool) -> None:
        reader = self._reader
        try:
            while not self._deaf and self.work is None:
                if self.waiting >= self._max_queue and self.state == OPEN and not ignore_room:
                    reader.release()
                    return
                if not reader.next():
                    return
                if reader.first and self._extensions is not None:
                    self._decoding = not self._extensions.leaves(reader.opcode, reader.rsv)
                if self._decoding:
                    self._decode()
                elif reader.opcode >= OP_CLOSE:
                    self._control(reader.opcode, reader.payload())
                else:
                    if reader.first:
                        self._messages.begin_frame(reader.opcode, reader.fin, reader.length)
                    message = self._messages.add(
                        reader.chunk,
                        reader.start,
                        reader.stop,
                        reader.key,
                        reader.offset,
                        reader.missing,
                    )
                    if message is not None:
                        self._deliver(message)
        except Exception as exc:
            self._blame(exc)

    def _blame(self, exc: Exception) -> None:
        """Fail the connection for what went wrong with a frame."""
        if isinstance(exc, InvalidText):
            self.fail(1007, str(exc), exc)
        elif isinstance(exc, ProtocolError):
            self.fail(1002, str(exc), exc)
        elif isinstance(exc, PayloadTooBig):
            self.fail(1009, str(exc), exc)
        else:
            # An extension that somebody else wrote went wrong.
            self.fail(1011, "", exc)

    def _deliver(self, message: Union[str, bytes]) -> None:
        if self.state != OPEN and (self.is_full() or self._overflow):
            # The program closes and doesn't read: the peer's close frame is what counts now.
            self._overflow = True
        else:
            self._arrived.append(message)
            self.waiting += 1

    def _decode(self) -> None:
        """Gather a frame, and let extensions decode it once it is complete."""
        reader = self._reader
        max_size = self._messages.max_size
        if reader.first and max_size is not None and reader.opcode < OP_CLOSE:
            # What doesn't compress grows; this is as much as zlib can make of max_size bytes.
            limit = max_size + (max_size + 7 >> 3) + (max_size + 63 >> 6) + 16
            if reader.length > limit:
                raise PayloadTooBig(
                    f"frame of {reader.length} bytes exceeds the limit of {limit}, "
                    f"for messages of {max_size} before compression"
                )
        if reader.first and reader.last:
            payload = reader.payload()
        else:
            self._frame += reader.payload()
            if not reader.last:
                return
            payload = bytes(self._frame)
            self._frame = bytearray()
        decode, room = self._extensions.decode, self._messages.room()
        if len(payload) >= self._thread_size:
            self.work = partial(decode, reader.fin, reader.rsv, reader.opcode, payload, room)
            return
        try:
            fin, opcode, payload = decode(reader.fin, reader.rsv, reader.opcode, payload, room)
        except PayloadTooBig as exc:
            raise self._messages.too_big(exc) from exc.__cause__
        self._decoded(fin, opcode, payload)

    def _decoded(self, fin: bool, opcode: int, payload: bytes) -> None:
        if opcode >= OP_CLOSE:
            check_control(fin, len(payload))
            self._control(opcode, payload)
        else:
            self._messages.begin_frame(opcode, fin, len(payload))
            message = self._messages.add(payload, 0, len(payload), b"", 0, 0)
            if message is not None:
                self._deliver(message)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == OP_PING:
            # RFC 6455 5.5.2: answer, unless a close frame went before.
            if self.state != OPEN:
                return
            # RFC 6455 5.5.3: where answers wait, only the latest ping needs one.
            if self.hold_pongs or len(self.outbox) >= CROWD:
                self._held_pong = payload
            else:
                self._pack(True, OP_PONG, payload)
        elif opcode == OP_PONG:
            self.pongs.append(payload)
        else:
            self._receive_close(payload)

    def _receive_close(self, payload: bytes) -> None:
        try:
            code, reason = parse_close(payload)
        except UnicodeDecodeError as exc:
            error = ProtocolError(f"invalid UTF-8 in a close reason at byte {exc.start}")
            error.__cause__ = exc
            self.fail(1007, str(error), error)
            return
        self.close_code = code
        self.close_reason = reason
        self.close_received = True
        self._stop_listening()
        if self.state == OPEN:
            # RFC 6455 5.5.1: answer with the status code received.
            self._owe_close(payload[:2])

    def _stop_listening(self) -> None:
        self._deaf = True
        self._reader.clear()
        self._messages.clear()
        self._frame = bytearray()
        self.work = None

    # Closing

    def fail(self, code: int, reason: str = "", cause: Optional[BaseException] = None) -> None:
        """
        Fail the connection (RFC 6455 7.1.7).

        What the peer sends from now on is ignored. Code 1006 sends no close frame; a reason is cut
        to the 123 bytes that fit. Does nothing after the peer's close frame or an earlier failure.

        Raises:
            ProtocolError: if the code can't be sent.
        """
        if self._deaf:
            return
        payload = b""
        if code != 1006:
            body = reason.encode(errors="replace")[:123].decode(errors="ignore")
            payload = serialize_close(code, body)
        self._stop_listening()
        if isinstance(cause, WebSocketException):
            forget_frames(cause)
        self.failure = cause
        self.close_code = code
        self.close_reason = reason
        if self.state == OPEN:
            if payload:
                self._owe_close(payload)
            else:
                self.state = CLOSING

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Start the closing handshake, or settle the one that the peer started.

        Raises:
            ProtocolError: if the code can't be sent, or the reason is too long.
        """
        payload = serialize_close(code, reason)
        if self._owed_close is not None:
            self.settle()
        elif self.state == OPEN:
            self._send_close(payload)
            self._parse(False)

    def settle(self) -> None:
        """Send the close frame that was held back, if there is one."""
        if self._owed_close is not None:
            self._send_close(self._owed_close)

    def _owe_close(self, payload: bytes) -> None:
        if self.waiting:
            self._owed_close = payload
        else:
            self._send_close(payload)

    def _send_close(self, payload: bytes) -> None:
        self._pack(True, OP_CLOSE, payload)
        self._owed_close = None
        self._held_pong = None
        self.state = CLOSING

    # Sending

    def send(
        self, opcode: int, payload: Any, fin: bool = True, compress: Optional[bool] = None
    ) -> None:
        """
        Put a frame of any kind but close in the outbox.

        Arguments:
            opcode: OP_TEXT, OP_BINARY, OP_CONT, OP_PING or OP_PONG.
            payload: bytes-like, or for data frames a ``str``, which is encoded in UTF-8.
            fin: whether the message ends with this frame.
            compress: whether extensions should compress a message that begins with this frame;
                None leaves it to them.

        Raises:
            InvalidState: if the state isn't OPEN.
            ProtocolError: if a control frame is too long.
        """
        if self.state != OPEN:
            raise InvalidState("frames can't be sent after a close frame")
        if opcode >= OP_CLOSE:
            check_control(fin, len(payload))
        self._pack(fin, opcode, payload, compress)

    def encoding(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool]
    ) -> Optional[Callable[[], Any]]:
        """
        Return what encodes a frame, for :meth:`send_encoded`; any thread may call it.

        Arguments:
            fin, opcode, payload, compress: as for :meth:`send`, but for one frame at a time.

        Returns:
            None if that doesn't take long: then :meth:`send` does it.
        """
        if opcode >= OP_CLOSE or compress is False or len(payload) < self._thread_size:
            return None
        return partial(self._extensions.encode, fin, opcode, bytes(payload), compress)

    def send_encoded(self, fin: bool, encoded: tuple[int, int, bytes]) -> None:
        """Put a frame in the outbox, as :meth:`send` does, of what was encoded elsewhere."""
        rsv, opcode, payload = encoded
        self._put_frame(fin << 7 | rsv | opcode, payload)

    def post(
        self,
        message: Union[str, bytes, bytearray, memoryview],
        now: float,
        compress: Optional[bool] = None,
    ) -> int:
        """
        Put a message in the outbox, as :meth:`send` does, and tell when it should leave.

        Arguments:
            message: ``str`` for a text message, anything else is binary.
            now: seconds of a clock that doesn't go back.
            compress: as for :meth:`send`.

        Returns:
            WAIT, NOW or LATER, see :mod:`~.gathering`.
        """
        self.send(OP_TEXT if isinstance(message, str) else OP_BINARY, message, True, compress)
        first_answer = self._fresh
        last_answer = self._answering and not self.waiting
        self._fresh = False
        self._answering = False
        if self._gathering is None:
            return NOW
        return self._gathering.decide(now, self._outbox_size, first_answer, last_answer)

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """
        Put a message in the outbox that is sent to other connections, too.

        Arguments:
            opcode: OP_TEXT or OP_BINARY.
            payload: as for :meth:`send`.
            frames: what connections have made of the message so far; begin with an empty dict.

        Raises:
            InvalidState: if the state isn't OPEN.
        """
        key = None
        if not self.is_client:
            # RFC 6455 5.3: a client masks each frame with a key of its own.
            key = () if self._extensions is None else getattr(self._extensions, "sharing_key", None)
        if key is None or self.state != OPEN:
            self.send(opcode, payload)
            return
        frame = frames.get(key)
        if frame is None:
            byte0 = opcode
            if self._extensions is not None:
                byte0, payload = self._encode(True, opcode, payload, None)
            frame = frames[key] = pack_frame(0x80 | byte0, payload, b"")
        self._put(frame)

    def collect(self) -> list[bytes]:
        """Take what waits in the outbox."""
        if self._held_pong is not None and not self.hold_pongs:
            self.release_pongs()
        frames = self.outbox
        self.outbox = []
        self._outbox_size = 0
        if self._gathering is not None:
            self._gathering.left()
        return frames

    def release_pongs(self) -> None:
        """Stop holding pongs, and answer the latest ping that waits for its pong."""
        self.hold_pongs = False
        if self._held_pong is not None:
            self._pack(True, OP_PONG, self._held_pong)
            self._held_pong = None

    def _pack(self, fin: bool, opcode: int, payload: Any, compress: Optional[bool] = None) -> None:
        byte0 = opcode
        if self._extensions is not None:
            byte0, payload = self._encode(fin, opcode, payload, compress)
        self._put_frame(fin << 7 | byte0, payload)

    def _put_frame(self, byte0: int, payload: Any) -> None:
        if self.is_client:
            self._put(pack_frame(byte0, payload, masking_key()))
        elif type(payload) is bytes and len(payload) >= LARGE:
            self._put(pack_header(byte0, len(payload), b""))
            self._put(payload)
        else:
            self._put(pack_frame(byte0, payload, b""))

    def _encode(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool]
    ) -> tuple[int, Any]:
        """Let extensions encode a frame; return its first byte, without FIN, and its payload."""
        payload = to_bytes(payload)
        if compress is None:
            rsv, opcode, payload = self._extensions.encode(fin, opcode, payload)
        else:
            rsv, opcode, payload = self._extensions.encode(fin, opcode, payload, compress)
        return rsv | opcode, payload

    def _put(self, data: bytes) -> None:
        self.outbox.append(data)
        self._outbox_size += len(data)
