"""
One endpoint of an open connection, without its socket: bytes in, messages and bytes out.

Owns how bytes become messages, and the rules that span frames and directions: control frames (RFC
6455 section 5.5), what a violation leads to. Must never know asyncio, sockets, clocks or HTTP; what
it may send is in sender.py, and how it ends in closer.py. Key decisions:

- Received messages wait in an inbox, frames to send in an outbox. Parsing stops while the inbox is
  full; the bytes that wait stay bytes, and are parsed as room is made, even when the connection is
  gone. Only close frames are looked for in them, by headers alone.
- Work of extensions that takes long can be done elsewhere: it is handed out as a function, and
  what comes after it waits.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional, Union

from websockets.exceptions import (
    PayloadTooBig,
    ProtocolError,
    TooManyFragments,
)

from .closer import Closer, forget_frames
from .closing import code_for
from .constants import (
    AWAITING,
    GONE,
    IN_FRAGMENTS,
    NO_KEY,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OPEN,
    OWING,
    TALKING,
    UNLIMITED,
    USUAL,
)
from .frames import FrameReader, check_control
from .inbox import Inbox
from .messages import (
    Fragment,
    FragmentAssembler,
    InvalidText,
    MessageAssembler,
    in_form,
    joined,
)
from .outbox import Outbox
from .scout import Scout
from .tally import CLIENTS, SERVERS

__all__ = ["Endpoint"]

# Payloads of which so many bytes are still to come may be read straight into their place.
LONG = 65536


class Endpoint(Closer):
    """
    The state of one endpoint after the opening handshake.

    Arguments:
        is_client: which side this is; a client masks what it sends.
        max_size: largest message to receive in bytes; None for no limit.
        max_queue: number of messages in the inbox at which parsing stops; None for no limit.
        max_fragments: most frames in a message to receive; None for no limit.
        extensions: None, or an object with
            ``passes(opcode, rsv) -> bool``, whether a received frame needn't be decoded, and
            ``decode(fin, rsv, opcode, payload, max_size) -> (fin, opcode, payload)`` and
            ``encode(fin, opcode, payload) -> (rsv, opcode, payload)``,
            where rsv are the bits 0x70 of a frame's first byte; encode gets ``compress``, too, if
            :meth:`send_frame` does. ``sharing_key``, if it is there and not None, is equal for
            objects that encode messages alike. ``thread_size``, if it is there and not None, is
            the size in bytes of payloads from which on this is done elsewhere: see ``work`` and
            :meth:`encoding`.
        gather: number of bytes that messages which are sent quickly, one after the other, may wait
            for each other with; 0 if each leaves at once.
        low_queue: number of messages in the inbox at which parsing goes on; a quarter of
            ``max_queue`` by default.
        max_frame: largest frame of a message to receive in bytes; None for no limit.
        in_fragments: whether fragments wait in the inbox, each on its own, and text that isn't
            UTF-8: a message is put together as it is taken. Otherwise only messages do. It also
            makes a close frame in the middle of a message a violation, and has pings answered
            behind our own.

    Attributes, beside those of :class:`~.closer.Closer`:
        pongs: payloads of the pongs received, or None; whoever handles them sets None again.
        fragments: what was taken of a message that isn't whole, None between two messages.
        refilled: set when :meth:`take` has made room, and bytes were parsed; to be unset.
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
        gather: int = 65536,
        low_queue: Optional[int] = None,
        max_frame: Optional[int] = None,
        in_fragments: bool = False,
    ) -> None:
        self.phase = TALKING
        self.state = OPEN
        self.holds = 0
        self.urgent = 0
        self.pongs: Optional[list[bytes]] = None
        self.refilled = False
        self.close_rcvd = self.close_sent = None
        self.close_rcvd_then_sent = None
        self.failure = None
        self.work: Optional[Callable[[], Any]] = None
        self.is_client = is_client
        self.tally = CLIENTS if is_client else SERVERS
        self._counted = False  # whether this is among the open connections
        high = UNLIMITED if max_queue is None else max_queue
        self.inbox = Inbox(high, high // 4 if low_queue is None else low_queue)
        thread_size = getattr(extensions, "thread_size", None)
        self._thread_size = UNLIMITED if thread_size is None else thread_size
        self.outbox = Outbox(is_client, extensions, self._thread_size, gather)
        self._listening = True
        self._extensions = extensions
        self._decoding = False  # whether extensions decode the current frame
        self._reader = FrameReader(not is_client, extensions is not None)
        self.holds_close = True
        self._in_fragments = in_fragments
        if in_fragments:
            self._messages: MessageAssembler = FragmentAssembler(max_size, None, max_frame)
        else:
            self._messages = MessageAssembler(max_size, max_fragments, max_frame)
        self._max_fragments = UNLIMITED if max_fragments is None else max_fragments
        self.fragments: Optional[list[Fragment]] = None  # of the message that is being taken
        self._frame = bytearray()  # a frame that extensions will decode once it is complete
        self.unfinished = False
        self._held_pong = None
        self._owed_close = None
        self._stopped = False  # parsing has stopped for want of room
        self._scout: Optional[Scout] = None  # looks for a close frame further on

    # Properties that may change while the connection is open

    @property
    def max_size(self) -> Optional[int]:
        """Largest message to receive in bytes."""
        return self._messages.max_size

    @max_size.setter
    def max_size(self, max_size: Optional[int]) -> None:
        self._messages.max_size = max_size

    # What the owner of the socket tells and asks

    def opened(self) -> None:
        """Count this among the open connections, until it is :meth:`lost`."""
        self._counted = True
        self.tally.opened += 1

    @property
    def stalled(self) -> bool:
        """Whether parsing has stopped for want of room or for work: more bytes only pile up."""
        return self.phase == TALKING and self._has_unparsed()

    @property
    def buffered(self) -> int:
        """How many received bytes wait to be parsed."""
        return self._reader.buffered

    @property
    def offloads(self) -> bool:
        """Whether large payloads are encoded and decoded elsewhere."""
        return self._thread_size != UNLIMITED

    # Receiving

    def receive(self, data: Union[bytes, bytearray, memoryview]) -> bool:
        """
        Take bytes from the peer, and parse what there is room for.

        Never raises for what the peer sent: a violation fails the connection, see ``failure``.

        Returns:
            whether there is something to see to beside messages in the inbox.
        """
        if self._listening:
            if not self.inbox.waiting:
                self.outbox.note_arrival()
            piece = data if type(data) is bytes else bytes(data)
            self.tally.bytes_received += len(piece)
            if self._scout is None:
                self._reader.append(piece)
            else:
                self._look_ahead(piece)
            if not self._stopped:
                self._parse()
        return self._eventful()

    def space(self, arrived: int = 0) -> Optional[memoryview]:
        """
        Return memory to read what comes next into, for :meth:`fill`.

        Arguments:
            arrived: how many bytes the system is known to have.

        Returns:
            None if that isn't a large part of a payload, or has to wait or to be decoded.
        """
        reader = self._reader
        if reader.missing < LONG or self._decoding or not self._listening or reader.buffered:
            return None
        if self._stopped or self._scout is not None or self.work is not None:
            return None
        return self._messages.space(reader.missing, arrived)

    def fill(self, size: int) -> bool:
        """Take bytes that were read into that memory; otherwise as :meth:`receive`."""
        reader = self._reader
        if self._listening:
            if not self.inbox.waiting:
                self.outbox.note_arrival()
            self.tally.bytes_received += size
            reader.skip(size)
            try:
                message = self._messages.fill(size, reader.key, reader.offset, reader.missing)
            except InvalidText as exc:
                self._blame(exc)
            else:
                if message is not None:
                    self.inbox.put(message)
                    self.tally.messages_received += reader.fin
        return self._eventful()

    def _eventful(self) -> bool:
        return self._stopped or self.is_eventful()

    def is_eventful(self) -> bool:
        """Whether there is something to see to beside messages, and the room for them."""
        return (
            self.urgent != 0
            or self.phase != TALKING
            or self.pongs is not None
            or self._reader.missing >= LONG
            or self.work is not None
        )

    def take(self, form: int = USUAL) -> Union[str, bytes, Fragment, None]:
        """
        Take the oldest message from the inbox, and parse on if that makes enough room.

        Arguments:
            form: USUAL for text as ``str`` and binary messages as ``bytes``, AS_TEXT or AS_BYTES
                for either as one of them; IN_FRAGMENTS for no more than its next fragment.

        Returns:
            the message, or None if it isn't whole yet; what came of it is kept for the next call.
            If it isn't text, though it should be, this fails the connection, drops what is behind
            and returns None.
        """
        if form == IN_FRAGMENTS and self.fragments is not None:
            fragment = self.fragments.pop(0)
            if not self.fragments:
                self.fragments = None
            return fragment
        message: Union[str, bytes, Fragment] = self.inbox.take()
        self.outbox.note_taken()
        if self._stopped and self.inbox.is_low():
            self.refilled = True
            self._parse()
        if form == USUAL and type(message) is not Fragment:
            return message
        return self._formed(message, form)

    def _formed(self, message: Any, form: int) -> Union[str, bytes, Fragment, None]:
        """Give a message, or what has come of it, the form that is asked for."""
        try:
            if type(message) is not Fragment:
                return in_form(message, form)
            if form == IN_FRAGMENTS:
                return message
            if self.fragments is None:
                self.fragments = []
            self.fragments.append(message)
            if len(self.fragments) > self._max_fragments:
                raise TooManyFragments(self._max_fragments)
            if not message.fin:
                return None
            fragments, self.fragments = self.fragments, None
            return joined(fragments, form)
        except (TooManyFragments, UnicodeDecodeError) as exc:
            self.reject(exc)
            return None

    def take_events(self) -> list[Any]:
        """Take what has come as events, which this kind of endpoint has none of."""
        return []

    def reject(self, exc: Exception) -> None:
        """Fail the connection for a message that can't be taken, and drop what came behind it."""
        self.inbox.clear()
        self.fragments = None
        self._blame(exc)
        self.refilled = True

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
            self._parse()

    def eof_received(self) -> bool:
        """
        Note that the peer sends no more; return whether the program may answer what came before.

        It may if a close frame did as well: who ends its side of TCP behind that can still read.
        """
        if self.stalled:
            self._look_ahead(b"")
        return self.phase == OWING

    def unexpected_end(self) -> Optional[EOFError]:
        """Return what it means that no more comes; None if no more is listened to."""
        if not self._listening:
            return None
        # RFC 6455 7.1.5: without a close frame, that is abnormal.
        came, size = self._reader.lacking()
        message = f"stream ends after {came} bytes, expected {size} bytes"
        return EOFError(message if size else "unexpected end of stream")

    def lost(self) -> None:
        """Note that nothing more will come or go; what came before is parsed as it is taken."""
        if self.phase == GONE:
            return
        self._enter(GONE)
        self.outbox.size = 0  # What waits won't be sent.
        self.collect()
        if self._counted:
            self._counted = False
            self.tally.end(self._first_code())
        if self._reader.buffered and self.close_rcvd is None:
            self._look_ahead(b"")
        self._parse()

    def _parse(self) -> None:
        """Parse bytes until there is no room for a message, work to be done, or none are left."""
        reader = self._reader
        self._stopped = False
        try:
            while self.work is None:
                if self.inbox.is_full() and reader.buffered:
                    self._stopped = True
                    reader.release()
                    break
                if not reader.next():
                    if not self._listening:
                        self._discard()  # What is incomplete now is incomplete for ever.
                    return
                if reader.first and self._extensions is not None:
                    self._decoding = not self._extensions.passes(reader.opcode, reader.rsv)
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
                        self.inbox.put(message)
                        self.tally.messages_received += reader.fin
        except Exception as exc:
            self._blame(exc)
        else:
            if self.phase == AWAITING and self._scout is None:
                self._look_ahead(b"")

    def _has_unparsed(self) -> bool:
        return self._stopped or self.work is not None

    def _cuts_off_message(self) -> bool:
        # Only where it was parsed, and not looked ahead for, is it known what it is behind.
        return self._in_fragments and self._scout is None and not self._messages.is_between()

    def _look_ahead(self, data: bytes) -> None:
        if self._scout is None:
            self._scout = Scout(self._reader)
        elif data:
            self._scout.append(data)
        try:
            payload = self._scout.find()
            if payload is not None:
                self._peer_closed(payload)
        except (ProtocolError, UnicodeDecodeError) as exc:
            self._fail_for(exc)

    def _blame(self, exc: Exception) -> None:
        """Fail the connection for what went wrong with a frame; what comes behind it is void."""
        if not self._listening:
            # It was received in time, and is missing now: that is no clean end.
            self.close_rcvd = None
            self.close_rcvd_then_sent = None
            forget_frames(exc)
            self.failure = exc
        else:
            self._fail_for(exc)
        self._discard()

    def _fail_for(self, exc: Exception) -> None:
        """Fail the connection with the code and the words for what went wrong."""
        code, reason = code_for(exc)
        self.fail(code, reason, exc)

    def _discard(self) -> None:
        self._reader.clear()
        self._messages.clear()
        self._frame = bytearray()
        self._scout = None
        self.work = None

    def _decode(self) -> None:
        """Gather a frame, and let extensions decode it once it is complete."""
        reader = self._reader
        if reader.first:
            self._check_encoded(reader.opcode, reader.length)
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

    def _check_encoded(self, opcode: int, length: int) -> None:
        """Refuse a frame that is too long, before any of its payload is there."""
        most = self._messages.largest()
        if most is None or opcode >= OP_CLOSE:
            return
        # What doesn't compress grows; this is as much as zlib can make of so many bytes.
        if length > most + (most + 7 >> 3) + (most + 63 >> 6) + 16:
            raise self._messages.too_big(PayloadTooBig(length, self._messages.room()))

    def _decoded(self, fin: bool, opcode: int, payload: bytes) -> None:
        if opcode >= OP_CLOSE:
            check_control(fin, len(payload))
            self._control(opcode, payload)
        else:
            self._messages.begin_frame(opcode, fin, len(payload))
            message = self._messages.add(payload, 0, len(payload), NO_KEY, 0, 0)
            if message is not None:
                self.inbox.put(message)
                self.tally.messages_received += fin

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == OP_PING:
            # RFC 6455 5.5.2: answer, unless the peer has sent a close frame; in 8.1's API, or we.
            if self.state == OPEN or (self._in_fragments and self.phase == AWAITING):
                self._pong(payload)
        elif opcode == OP_PONG:
            if self._listening:
                if self.pongs is None:
                    self.pongs = []
                self.pongs.append(payload)
        else:
            self._peer_closed(payload)
            self._discard()
