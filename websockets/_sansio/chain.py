"""
Extensions as the endpoint asks for them, and frames in logs on the way.

Owns the shape in which extensions of today's API see frames. Must never know what an extension
does. Key decision: who logs frames stands where extensions stand, because there all frames pass
whole, in their order, and an endpoint whose frames aren't logged has no line for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from .._core import check_rsv
from ..frames import Frame, Opcode
from ..framing import ExtensionChain

__all__ = ["OPCODES", "FrameChain", "LoggedChain", "WatchedChain", "chain_of"]

# By number; those that RFC 6455 5.2 reserves are refused before anybody asks.
OPCODES: tuple[Any, ...] = tuple({int(o): o for o in Opcode}.get(i) for i in range(16))


class FrameChain(ExtensionChain):
    """
    Pass frames through the negotiated extensions, as :class:`websockets.frames.Frame`.

    Arguments:
        extensions: the extensions in the order in which they were negotiated.
        offloads: whether there is somebody who works on large frames elsewhere.
    """

    def __init__(self, extensions: Sequence[Any], offloads: bool) -> None:
        super().__init__(extensions)
        if not offloads:
            self.thread_size = None

    def decode(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        """Decode a received frame; afterwards no reserved bit may be left (RFC 6455 5.2)."""
        frame: Any = Frame(
            OPCODES[opcode], payload, fin, rsv & 0x40 != 0, rsv & 0x20 != 0, rsv & 0x10 != 0
        )
        for decode in self._decoders:
            frame = decode(frame, max_size)
        check_rsv(rsv_of(frame))
        data = frame.data
        return frame.fin, frame.opcode, data if type(data) is bytes else bytes(memoryview(data))

    def encode(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool] = None
    ) -> tuple[int, int, Any]:
        """Encode a frame that will be sent; ``compress`` overrides what an extension would do."""
        frame: Any = Frame(OPCODES[opcode], payload, fin)
        for encode in self._encoders:
            frame = encode(frame, compress)
        return rsv_of(frame), frame.opcode, frame.data


class LoggedChain:
    """
    Log frames, and pass them through another chain, if there is one.

    Arguments:
        chain: that chain, or None.
        logger: where they are logged.
    """

    sharing_key = None
    thread_size = None

    def __init__(self, chain: Any, logger: Any) -> None:
        self._chain = chain
        self._logger = logger

    def passes(self, opcode: int, rsv: int) -> bool:
        """Ask for each frame; the other chain is told of it, too."""
        self._passes = self._chain is not None and self._chain.passes(opcode, rsv)
        return False

    def decode(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        """Decode a received frame, and log it."""
        fin, opcode, payload = self._decoded(fin, rsv, opcode, payload, max_size)
        self._logger.debug("< %s", Frame(OPCODES[opcode], payload, fin))
        return fin, opcode, payload

    def _decoded(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        if self._chain is None:
            check_rsv(rsv)
        elif not self._passes:
            fin, opcode, payload = self._chain.decode(fin, rsv, opcode, payload, max_size)
        return fin, opcode, payload

    def encode(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool] = None
    ) -> tuple[int, int, Any]:
        """Log a frame that will be sent, and encode it."""
        self._logger.debug("> %s", Frame(OPCODES[opcode], payload, fin))
        return self._encoded(fin, opcode, payload, compress)

    def _encoded(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool]
    ) -> tuple[int, int, Any]:
        if self._chain is None:
            return 0, opcode, payload
        encoded: tuple[int, int, Any]
        if compress is None:
            encoded = self._chain.encode(fin, opcode, payload)
        else:
            encoded = self._chain.encode(fin, opcode, payload, compress)
        return encoded


class WatchedChain(LoggedChain):
    """
    Show somebody the frames that come, and pass all through another chain, if there is one.

    Arguments:
        chain: that chain, or None.
        watcher: a weak reference to a function of a frame.
    """

    def __init__(self, chain: Any, watcher: Callable[[], Any]) -> None:
        super().__init__(chain, None)
        self._watcher = watcher

    def decode(
        self, fin: bool, rsv: int, opcode: int, payload: bytes, max_size: Optional[int]
    ) -> tuple[bool, int, bytes]:
        """Decode a received frame, and show it."""
        fin, opcode, payload = self._decoded(fin, rsv, opcode, payload, max_size)
        watch = self._watcher()
        if watch is not None:
            watch(Frame(OPCODES[opcode], payload, fin))
        return fin, opcode, payload

    def encode(
        self, fin: bool, opcode: int, payload: Any, compress: Optional[bool] = None
    ) -> tuple[int, int, Any]:
        """Encode a frame that will be sent."""
        return self._encoded(fin, opcode, payload, compress)


def chain_of(extensions: Sequence[Any], logger: Any = None, offloads: bool = False) -> Any:
    """
    Return what an endpoint needs for extensions.

    Arguments:
        extensions: the extensions in the order in which they were negotiated.
        logger: where to log frames; None for nowhere.
        offloads: whether there is somebody who works on large frames elsewhere.
    """
    chain = None
    if extensions:
        chain = alone(extensions, offloads) or FrameChain(extensions, offloads)
    return chain if logger is None else LoggedChain(chain, logger)


def alone(extensions: Sequence[Any], offloads: bool) -> Any:
    """Return what does without a chain if there is one extension only, None if none does."""
    if len(extensions) != 1:
        return None
    find = getattr(extensions[0], "_alone", None)
    return None if find is None else find(offloads)


def rsv_of(frame: Any) -> int:
    bits: int = frame.rsv1 << 6 | frame.rsv2 << 5 | frame.rsv3 << 4
    return bits
