"""
Frames that wait to leave: what a program sends becomes bytes, and is kept until it is written.

Owns the way of a payload into a frame (RFC 6455 5.2), through the extensions and under a mask, and
the question of when frames leave. Must never know whether a frame may be sent now: it is asked only
for those that may. Key decision: frames leave in the order in which they were put in here, whatever
they are, so that one list is all there is between a program and the transport.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Callable, Optional, Union

from .constants import NO_KEY, NOW, OP_BINARY, OP_CLOSE, OP_TEXT
from .gathering import Gathering
from .keys import masking_key
from .pack import append_frame, pack_frame, pack_header, to_bytes
from .tally import CLIENTS, SERVERS

__all__ = ["Outbox"]

# Payloads from this size on are kept as they are, behind their header, instead of being copied
# behind it; not those that may change while they wait.
LARGE = 16384

# What all have while there is nothing, which is never changed.
NONE: list[bytes] = []


class Outbox:
    """
    The frames of one endpoint.

    Arguments:
        masked: whether frames are masked, that is whether this is a client.
        extensions: as for :class:`~.endpoint.Endpoint`.
        thread_size: size in bytes of payloads from which on they are encoded elsewhere.
        gather: number of bytes that messages which are sent quickly, one after the other, may wait
            for each other with; 0 if each leaves at once.

    Attributes:
        size: how many bytes wait; take them with :meth:`collect`.
        draw: a function that draws masking keys, as :func:`~.keys.masking_key`, or None for that.
    """

    def __init__(self, masked: bool, extensions: Any, thread_size: int, gather: int) -> None:
        # Most frames leave alone, and need no list.
        self._alone: Optional[bytes] = None
        self._frames: list[bytes] = NONE
        self._joined: Optional[bytearray] = None  # short frames behind those
        self.size = 0
        self._masked = masked
        self.draw: Optional[Callable[[], int]] = None
        self._tally = CLIENTS if masked else SERVERS
        self._extensions = extensions
        self._thread_size = thread_size
        self._gathering: Optional[Gathering] = Gathering(gather) if gather else None
        self._large = LARGE
        self._answering = False  # a message was taken since the program sent one
        self._fresh = False  # messages came where none was left since the program sent one

    def __iter__(self) -> Iterator[bytes]:
        """Go over what waits, oldest first, without taking it."""
        alone = [] if self._alone is None else [self._alone]
        joined = [bytes(self._joined)] if self._joined else []
        return iter(alone + self._frames + joined)

    @property
    def frames(self) -> list[bytes]:
        """What waits, oldest first."""
        return list(self)

    # What was received, as far as it tells when to send

    def note_arrival(self) -> None:
        """Note that bytes have arrived while no message waited."""
        self._fresh = True

    def note_taken(self) -> None:
        """Note that the program has taken a message."""
        self._answering = True

    # What is to be sent

    def put_message(
        self,
        message: Union[str, bytes, bytearray, memoryview],
        now: float,
        waiting: int,
        compress: Optional[bool] = None,
        opcode: int = 0,
    ) -> int:
        """
        Put a whole message in, and tell when it should leave.

        Arguments:
            message: ``str`` for a text message, anything else is binary.
            now: seconds of a clock that doesn't go back.
            waiting: how many received messages wait for the program.
            compress: as for :meth:`put`.
            opcode: OP_TEXT or OP_BINARY for what it is sent as, 0 for what it is.

        Returns:
            the bits NOW and LATER, see :mod:`~.gathering`.
        """
        if opcode == 0:
            opcode = OP_TEXT if isinstance(message, str) else OP_BINARY
        if self._extensions is None:
            self._put_frame(0x80 | opcode, message)
        else:
            self.put(True, opcode, message, compress)
        self._tally.messages_sent += 1
        first_answer = self._fresh
        last_answer = self._answering and not waiting
        self._fresh = False
        self._answering = False
        if self._gathering is None:
            return NOW
        return self._gathering.decide(now, self.size, first_answer, last_answer, waiting != 0)

    def put(self, fin: bool, opcode: int, payload: Any, compress: Optional[bool] = None) -> None:
        """
        Put a frame of any kind in.

        Arguments:
            fin, opcode: of the frame.
            payload: bytes-like, or for data frames a ``str``, which is encoded in UTF-8.
            compress: whether extensions should compress a message that begins with this frame;
                None leaves it to them.
        """
        byte0 = opcode
        if self._extensions is not None:
            byte0, payload = self._encode(fin, opcode, payload, compress)
        self._put_frame(fin << 7 | byte0, payload)

    def encoding(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool]
    ) -> Optional[Callable[[], Any]]:
        """
        Return what encodes a frame, for :meth:`put_encoded`; any thread may call it.

        Returns:
            None if that doesn't take long: then :meth:`put` does it.
        """
        if opcode >= OP_CLOSE or compress is False or len(payload) < self._thread_size:
            return None
        return partial(self._extensions.encode, fin, opcode, to_bytes(payload), compress)

    def put_encoded(self, fin: bool, encoded: tuple[int, int, bytes]) -> None:
        """Put a frame in of what was encoded elsewhere."""
        rsv, opcode, payload = encoded
        self._put_frame(fin << 7 | rsv | opcode, payload)
        if fin:
            self._tally.messages_sent += 1

    def put_shared(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> None:
        """
        Put a message in that is sent to other connections, too.

        Arguments:
            opcode: OP_TEXT or OP_BINARY.
            payload: as for :meth:`put`.
            frames: what connections have made of the message so far; begin with an empty dict.
        """
        self._tally.messages_sent += 1
        frame = self._shared(opcode, payload, frames)
        if frame is None:
            self.put(True, opcode, payload)
        else:
            self.put_bytes(frame)

    def share(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> Optional[bytes]:
        """
        Make such a message a frame that leaves at once, while nothing waits.

        Returns:
            the frame; None if it was put in, as there is none that others could be sent.
        """
        frame = self._shared(opcode, payload, frames)
        self._tally.messages_sent += 1
        if frame is None:
            self.put(True, opcode, payload)
        else:
            self._tally.bytes_sent += len(frame)
        return frame

    def _shared(self, opcode: int, payload: Any, frames: dict[Any, bytes]) -> Optional[bytes]:
        """Find or make the frame of a message for connections like this; None if it is its own."""
        if self._masked:
            # RFC 6455 5.3: a client masks each frame with a key of its own.
            return None
        key = () if self._extensions is None else getattr(self._extensions, "sharing_key", None)
        if key is None:
            return None
        frame = frames.get(key)
        if frame is None:
            byte0 = opcode
            if self._extensions is not None:
                byte0, payload = self._encode(True, opcode, payload, None)
            frame = frames[key] = pack_frame(0x80 | byte0, payload, NO_KEY)
        return frame

    def collect(self) -> list[bytes]:
        """Take all frames, which are about to leave."""
        self._tally.bytes_sent += self.size
        self._line_up()
        frames = self._frames or []
        self._frames = NONE
        self.size = 0
        if self._gathering is not None:
            self._gathering.left()
        return frames

    def collect_alone(self) -> Optional[bytes]:
        """Take the frame that waits, which is about to leave; None if there isn't just one."""
        alone = self._alone
        if alone is None or self._joined is not None:
            return None
        self._tally.bytes_sent += self.size
        self._alone = None
        self.size = 0
        if self._gathering is not None:
            self._gathering.left()
        return alone

    def turned(self) -> None:
        """Note that the event loop has turned, as LATER asked for."""
        if self._gathering is not None:
            self._gathering.turned()

    def _put_frame(self, byte0: int, payload: Any) -> None:
        kind = type(payload)
        if not self._masked:
            key = NO_KEY
        else:
            key = masking_key() if self.draw is None else self.draw()
        if (kind is str or kind is bytes) and len(payload) < LARGE:
            if self.size and self._gathering is not None:
                # What waits for others is joined with them.
                if self._joined is None:
                    self._joined = bytearray()
                self.size += append_frame(self._joined, byte0, payload, key)
                return
        elif kind is bytes and not self._masked and len(payload) >= self._large:
            self.put_bytes(pack_header(byte0, len(payload), NO_KEY))
            self.put_bytes(payload)
            return
        self.put_bytes(pack_frame(byte0, payload, key))

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

    def put_bytes(self, data: bytes) -> None:
        """Put bytes in that are framed already."""
        if self._alone is None and not self._frames:
            self._alone = data
        else:
            self._line_up()
            self._frames.append(data)
        self.size += len(data)

    def _line_up(self) -> None:
        """Make one list of all that waits."""
        alone = self._alone
        if alone is not None:
            self._alone = None
            self._frames = [alone]
        joined = self._joined
        if joined is not None:
            self._joined = None
            if joined:
                self._frames.append(bytes(joined))

    def put_in_front(self, data: bytes) -> None:
        """Put what is no frame before all others; it doesn't count."""
        self._line_up()
        self._frames = [data, *self._frames]
