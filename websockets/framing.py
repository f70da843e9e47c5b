"""
Single frames, for programs that read and write them themselves (RFC 6455 section 5).

A thin face over the core: the rules and the bytes are the core's. Owns :class:`Frame`, the shape in
which extensions see a frame, and the chain that passes a frame through several extensions. Must
never know what comes before or after a frame.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Optional, Union

from . import _core
from ._borrowed import borrow
from ._closes import Close as Close
from ._core import (
    NO_KEY,
    OP_BINARY,
    OP_CLOSE,
    OP_CONT,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    masking_key,
    pack_frame,
    parse_close,
    serialize_close,
)
from .exceptions import PayloadTooBig
from .typing import BytesLike

__all__ = [
    "CTRL_OPCODES",
    "DATA_OPCODES",
    "OP_BINARY",
    "OP_CLOSE",
    "OP_CONT",
    "OP_PING",
    "OP_PONG",
    "OP_TEXT",
    "ExtensionChain",
    "Frame",
    "encode_data",
    "parse_close",
    "prepare_data",
    "serialize_close",
]

borrow(globals())

DATA_OPCODES = OP_CONT, OP_TEXT, OP_BINARY
CTRL_OPCODES = OP_CLOSE, OP_PING, OP_PONG


class _FrameFields(NamedTuple):
    fin: bool
    opcode: int
    data: bytes
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False


class Frame(_FrameFields):
    """
    A frame (RFC 6455 5.2), without its mask and length, which are those of the wire.

    Arguments:
        fin: FIN bit.
        opcode: opcode.
        data: payload.
        rsv1, rsv2, rsv3: reserved bits.
    """

    __slots__ = ()

    @classmethod
    async def read(
        cls,
        reader: Callable[[int], Awaitable[bytes]],
        *,
        mask: bool,
        max_size: Optional[int] = None,
        extensions: Optional[Sequence[Any]] = None,
    ) -> Frame:
        """
        Read a frame.

        Arguments:
            reader: coroutine function that returns as many bytes as it is asked for, fewer only at
                the end of the stream.
            mask: whether the frame must be masked, that is whether a server reads it.
            max_size: most bytes in the payload, on the wire and after decoding; None for no limit.
            extensions: objects with a ``decode(frame, *, max_size)`` method, applied last to first.

        Raises:
            PayloadTooBig: if the payload exceeds ``max_size``.
            ProtocolError: if the frame breaks RFC 6455 5.2 or 5.5.
            EOFError: if the stream ends inside the frame.
        """

        async def exactly(count: int) -> bytes:
            data = await reader(count)
            if len(data) < count:
                raise EOFError(f"stream ended {count - len(data)} bytes too early")
            return data

        head = await exactly(2)
        _core.check_start(head[0], head[1], mask, True)
        length = head[1] & 0x7F
        if length >= 126:
            extended = await exactly(2 if length == 126 else 8)
            form, length = length, int.from_bytes(extended, "big")
            if head[0] & 0x0F >= OP_CLOSE:
                _core.check_control(head[0] & 0x80 != 0, length)
            _core.check_length(length, form)
        if max_size is not None and length > max_size:
            raise PayloadTooBig(length, max_size)
        key = await exactly(4) if mask else b""
        data = await exactly(length)
        if mask:
            data = _core.apply_mask(data, key)
        frame = cls.from_wire(head[0], data)
        for extension in reversed(extensions or ()):
            frame = decoder_of(extension)(frame, max_size)
        frame.check()
        return frame

    def write(
        self,
        writer: Callable[[bytes], Any],
        *,
        mask: bool,
        extensions: Optional[Sequence[Any]] = None,
    ) -> None:
        """
        Write the frame, in one call of ``writer``.

        Arguments:
            writer: function that takes the bytes.
            mask: whether to mask the frame, that is whether a client writes it.
            extensions: objects with an ``encode(frame)`` method, applied first to last.

        Raises:
            ProtocolError: if the frame breaks RFC 6455 5.2 or 5.5.
        """
        self.check()
        frame: Frame = self
        for extension in extensions or ():
            frame = extension.encode(frame)
        byte0 = frame.fin << 7 | frame.rsv | frame.opcode
        writer(pack_frame(byte0, frame.data, masking_key() if mask else NO_KEY))

    def check(self) -> None:
        """
        Check the reserved bits and the opcode, and the rules for control frames.

        Raises:
            ProtocolError: if a value isn't acceptable.
        """
        _core.check_rsv(self.rsv)
        _core.check_opcode(self.opcode)
        if self.opcode >= OP_CLOSE:
            _core.check_control(self.fin, len(self.data))

    @property
    def rsv(self) -> int:
        """The reserved bits where they stand in a frame's first byte."""
        return self.rsv1 << 6 | self.rsv2 << 5 | self.rsv3 << 4

    @classmethod
    def from_wire(cls, byte0: int, data: bytes) -> Frame:
        """Build a frame from its first byte and its unmasked payload."""
        return cls(
            bool(byte0 & 0x80),
            byte0 & 0x0F,
            data,
            bool(byte0 & 0x40),
            bool(byte0 & 0x20),
            bool(byte0 & 0x10),
        )


@functools.lru_cache(maxsize=64)
def takes(method: Callable[..., Frame], name: str) -> bool:
    """Tell whether a method has a keyword argument; only a frame is asked of all of them."""
    parameters = inspect.signature(method).parameters.values()
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in parameters)


def decoder_of(extension: Any) -> Callable[[Frame, Optional[int]], Frame]:
    """Return an extension's decode() method as a function of a frame and a limit on its size."""
    decode = extension.decode
    if takes(getattr(decode, "__func__", decode), "max_size"):
        return lambda frame, max_size: decode(frame, max_size=max_size)
    return lambda frame, max_size: decode(frame)


def encoder_of(extension: Any) -> Callable[[Frame, Optional[bool]], Frame]:
    """Return an extension's encode() method as a function of a frame and whether to compress."""
    encode = extension.encode
    if takes(getattr(encode, "__func__", encode), "compress"):
        return lambda frame, compress: encode(frame, compress=compress)
    return lambda frame, compress: encode(frame)


class ExtensionChain:
    """
    Pass frames through the negotiated extensions, in the form that the core asks for.

    An extension that is the only one may have a method ``direct()`` which returns three functions
    with the signatures of the methods here; they are then called instead of them, without frames as
    objects. Such an extension has a ``sharing_key`` and a ``thread_size``, too.

    Arguments:
        extensions: the extensions in the order in which they were negotiated.
    """

    def __init__(self, extensions: Sequence[Any]) -> None:
        direct = getattr(extensions[0], "direct", None) if len(extensions) == 1 else None
        functions = direct and direct()
        # What tells whether connections can share an encoded message, None if they can't.
        self.sharing_key: Any = extensions[0].sharing_key if functions else None
        # The size from which on its functions may be called in other threads, None for no size.
        self.thread_size: Optional[int] = extensions[0].thread_size if functions else None
        if functions:
            self.passes, self.decode, self.encode = functions  # type: ignore[method-assign]
            return
        self._encoders = [encoder_of(extension) for extension in extensions]
        self._passes = [getattr(extension, "passes", None) for extension in extensions]
        self._decoders = [decoder_of(extension) for extension in reversed(extensions)]

    def passes(self, opcode: int, rsv: int) -> bool:
        """Tell whether no extension has to decode a received frame; see Extension.passes."""
        for passes in self._passes:
            if passes is None or not passes(opcode, rsv):
                return False
        return True

    def decode(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        """Decode a received frame; afterwards no reserved bit may be left (RFC 6455 5.2)."""
        frame = Frame.from_wire(fin << 7 | rsv | opcode, payload)
        for decode in self._decoders:
            frame = decode(frame, max_size)
        _core.check_rsv(frame.rsv)
        data = frame.data
        # Programs get bytes, whatever kind of buffer an extension has made.
        return frame.fin, frame.opcode, data if type(data) is bytes else bytes(memoryview(data))

    def encode(
        self, fin: bool, opcode: int, payload: BytesLike, compress: Optional[bool] = None
    ) -> tuple[int, int, BytesLike]:
        """Encode a frame that will be sent; ``compress`` overrides what an extension would do."""
        frame = Frame(fin, opcode, payload)  # type: ignore[arg-type]
        for encode in self._encoders:
            frame = encode(frame, compress)
        return frame.rsv, frame.opcode, frame.data


def prepare_data(data: Union[str, BytesLike]) -> tuple[int, BytesLike]:
    """
    Choose the opcode and the payload for a message.

    Returns:
        ``OP_TEXT`` and the UTF-8 encoding of a ``str``; ``OP_BINARY`` and an object whose length is
        its number of bytes for a bytes-like object.

    Raises:
        TypeError: if ``data`` is neither.
    """
    if isinstance(data, str):
        # Not what a subclass has in its place.
        return OP_TEXT, str.encode(data)
    if isinstance(data, (bytes, bytearray)):
        return OP_BINARY, data
    if isinstance(data, memoryview):
        # The length of a view counts items, and a view may skip bytes: neither fits a payload.
        # One that is empty in several dimensions can't be cast.
        castable = data.c_contiguous and data.nbytes
        return OP_BINARY, data.cast("B") if castable else data.tobytes()
    raise TypeError(f"data must be str or bytes-like, not {type(data).__name__}")


def encode_data(data: Union[str, BytesLike]) -> bytes:
    """
    Return the payload of a ping or a pong: a ``str`` in UTF-8, a bytes-like object as ``bytes``.

    Raises:
        TypeError: if ``data`` is neither.
    """
    return bytes(memoryview(prepare_data(data)[1]))


prepare_ctrl = encode_data  # what it was called later
