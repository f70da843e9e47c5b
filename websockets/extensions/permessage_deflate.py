"""
Compression of messages: the permessage-deflate extension (RFC 7692 section 7).

Owns the extension of one connection, and the factories that programs configure. Must never know the
handshake around it. Key decisions:

- How the parameters are negotiated is in _parameters.py; a factory makes the extension of what was
  agreed on. It keeps to the library that was chosen when it was made, which its settings are for.
- Frames and streams are the core's (RFC 7692 6 and 7.2). A connection that has no other extension
  talks to the core directly; the methods that take a frame are a thin face over it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional, TypeVar, Union

from .._borrowed import borrow
from .._core import RSV1, Compression
from .._engine.limits import refuse, size
from ..exceptions import NegotiationError
from ..framing import OP_BINARY
from ..typing import ExtensionParameter
from ._parameters import Parameters, agreed, answered, check_windows, serialize
from ._zlibs import Backend, chosen, set_zlib_backend
from .base import ClientExtensionFactory, Extension, ServerExtensionFactory

__all__ = [
    "ClientPerMessageDeflateFactory",
    "PerMessageDeflate",
    "ServerPerMessageDeflateFactory",
    "enable_client_permessage_deflate",
    "enable_server_permessage_deflate",
    "set_zlib_backend",
]

borrow(globals())

NAME = "permessage-deflate"

# Of frames.Frame or framing.Frame, whatever a connection has.
Frame = TypeVar("Frame", bound=Any)

# The fastest level: beside zlib's default, 6, it takes two thirds of the time for 4 KiB and a third
# for 64 KiB, and makes 7 and 20 percent more bytes. A window that each connection keeps costs
# memory, and time where a processor's cache can't hold those of all: that outweighs what a larger
# one finds. docs/performance.md has the figures.
LEVEL = 1
KEPT_WINDOW_BITS = 12


def check_settings(
    parameters: Parameters,
    compress_settings: Optional[dict[str, Any]],
    own_side: str,
    backend: Backend,
) -> dict[str, Any]:
    """Check the arguments of a factory; ``own_side`` is the side that will compress here."""
    check_windows(parameters, own_side)
    if compress_settings is not None and not isinstance(compress_settings, Mapping):
        refuse(TypeError, "compress_settings", "None or a dict", compress_settings)
    settings = dict(compress_settings or {})
    if "wbits" in settings:
        raise ValueError("compress_settings can't contain wbits: set a max_window_bits parameter")
    if settings.get("zdict"):
        raise ValueError("compress_settings can't contain zdict: the peer has no dictionary")
    # Whatever is wrong is better known now than when the first message is sent.
    backend.module.compressobj(wbits=-15, **settings)
    return settings


def check_sizes(min_size: int, thread_size: Optional[int]) -> None:
    """Check the arguments of a factory that say which messages are concerned."""
    size("min_size", min_size)
    if thread_size is not None:
        size("thread_size", thread_size)


def make_deflater(bits: int, takeover: bool, settings: dict[str, Any], backend: Backend) -> Any:
    """Return the stream for a window of at most so many bits; settings are as above."""
    if settings:
        # A program that says something means the library's defaults for what it doesn't say.
        level = settings.get("level", backend.module.Z_DEFAULT_COMPRESSION)
        mem_level = settings.get("memLevel", zlib.DEF_MEM_LEVEL)
        return backend.deflater(bits, takeover, level, mem_level, settings.get("strategy", 0))
    return backend.deflater(min(bits, KEPT_WINDOW_BITS) if takeover else bits, takeover, LEVEL)


class Traffic(NamedTuple):
    """What compression has made of the messages in one direction, those not compressed left out."""

    messages: int
    size: int
    compressed_size: int

    @property
    def ratio(self) -> float:
        """The compressed size as a part of the size."""
        return self.compressed_size / self.size if self.size else 1.0


class PerMessageDeflate(Extension):
    """
    Compress and decompress the messages of one connection.

    Arguments:
        remote_no_context_takeover: whether each message from the peer starts a new stream.
        local_no_context_takeover: whether each message to the peer starts a new stream.
        remote_max_window_bits: base-2 logarithm of the peer's window in bytes, 8 to 15.
        local_max_window_bits: the same of our window, 9 to 15.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, or of the library that was
            chosen, without ``wbits`` and ``zdict``, followed to the letter; without them,
            :data:`LEVEL` is used, and a window that is kept from message to message has at most
            :data:`KEPT_WINDOW_BITS`.
        min_size: size in bytes below which messages aren't compressed, unless they are fragmented.
        thread_size: size in bytes, before compression where we compress and after it where we
            decompress, from which on that is done in a thread of the event loop's executor, if this
            is the connection's only extension; messages keep their order. None for never.
        backend: what compresses, as a factory found it; None for what is chosen now.
    """

    name = NAME

    def __init__(
        self,
        remote_no_context_takeover: bool,
        local_no_context_takeover: bool,
        remote_max_window_bits: int,
        local_max_window_bits: int,
        compress_settings: Optional[dict[str, Any]] = None,
        *,
        min_size: int = 0,
        thread_size: Optional[int] = None,
        backend: Optional[Backend] = None,
    ) -> None:
        self.remote_no_context_takeover = remote_no_context_takeover
        self.local_no_context_takeover = local_no_context_takeover
        self.remote_max_window_bits = remote_max_window_bits
        self.local_max_window_bits = local_max_window_bits
        settings: dict[str, Any] = compress_settings or {}
        self.compress_settings: dict[str, Any] = settings
        self.min_size = min_size
        self.thread_size = thread_size
        backend = backend or chosen()
        self._inflater = backend.inflater(remote_max_window_bits, not remote_no_context_takeover)
        self._deflater = make_deflater(
            local_max_window_bits, not local_no_context_takeover, settings, backend
        )
        self._compression = Compression(self._deflater, self._inflater, min_size)

    def __repr__(self) -> str:
        return (
            f"PerMessageDeflate("
            f"remote_no_context_takeover={self.remote_no_context_takeover}, "
            f"local_no_context_takeover={self.local_no_context_takeover}, "
            f"remote_max_window_bits={self.remote_max_window_bits}, "
            f"local_max_window_bits={self.local_max_window_bits})"
        )

    @property
    def received(self) -> Traffic:
        """Statistics of the messages that were decompressed."""
        inflater = self._inflater
        return Traffic(inflater.messages, inflater.size, inflater.compressed_size)

    @property
    def sent(self) -> Traffic:
        """Statistics of the messages that were compressed."""
        deflater = self._deflater
        return Traffic(deflater.messages, deflater.size, deflater.compressed_size)

    @property
    def sharing_key(self) -> Optional[tuple[Any, ...]]:
        """
        What tells whether connections can share a message that one of them has compressed.

        They can if their keys are equal and not None, as they are with context takeover.
        """
        if not self.local_no_context_takeover:
            return None
        settings = sorted(self.compress_settings.items())
        return self.local_max_window_bits, self.min_size, *settings

    def passes(self, opcode: int, rsv: int) -> bool:
        """Tell whether a frame isn't compressed; RFC 7692 6.2."""
        return bool(self._compression.passes(opcode, rsv))

    def direct(self) -> Optional[tuple[Any, Any, Any]]:
        """Return what does it without frames, unless a program has other rules."""
        if type(self) is not PerMessageDeflate:
            return None
        return self._compression.passes, self._compression.decode, self._compression.encode

    def _alone(self, offloads: bool) -> Any:
        """
        Return what does it for an endpoint that has no other extension, None as above.

        Arguments:
            offloads: whether there is somebody who works on large frames elsewhere.
        """
        if type(self) is not PerMessageDeflate:
            return None
        self._compression.sharing_key = self.sharing_key
        self._compression.thread_size = self.thread_size if offloads else None
        return self._compression

    def decode(self, frame: Frame, *, max_size: Optional[int] = None) -> Frame:
        """Decompress a received frame; RFC 7692 7.2.2."""
        if frame.opcode > OP_BINARY:
            return frame  # Control frames aren't compressed, and RSV1 stays set to be refused.
        rsv1 = RSV1 if frame.rsv1 else 0
        _, _, data = self._compression.decode(frame.fin, rsv1, frame.opcode, frame.data, max_size)
        decoded: Frame = frame._replace(data=data, rsv1=False)
        return decoded

    def encode(self, frame: Frame, *, compress: Optional[bool] = None) -> Frame:
        """
        Compress a frame that will be sent; RFC 7692 7.2.1.

        Arguments:
            frame: the frame.
            compress: whether to compress the message that starts with this frame; None leaves it to
                ``min_size``.
        """
        rsv1, _, data = self._compression.encode(frame.fin, frame.opcode, frame.data, compress)
        encoded: Frame = frame._replace(data=data, rsv1=rsv1 != 0)
        return encoded


class ClientPerMessageDeflateFactory(ClientExtensionFactory):
    """
    Offer compression to servers (RFC 7692 7.1).

    Arguments:
        server_no_context_takeover: ask the server to start a new stream for each message.
        client_no_context_takeover: tell the server that the client will do so.
        server_max_window_bits: ask the server for a window of at most 2 to that power bytes, 8-15.
        client_max_window_bits: tell the server that the client's window will be at most 2 to that
            power bytes, 9-15; True says only that the server may ask for a smaller one.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, or of the library that was
            chosen, without ``wbits`` and ``zdict``, followed to the letter; without them,
            :data:`LEVEL` is used, and a window that is kept from message to message has at most
            :data:`KEPT_WINDOW_BITS`.
        min_size: size in bytes below which messages aren't compressed, unless they are fragmented.
        thread_size: size in bytes, before compression where we compress and after it where we
            decompress, from which on that is done in a thread of the event loop's executor, if this
            is the connection's only extension; messages keep their order. None for never.

    Raises:
        TypeError, ValueError: if an argument has the wrong type or is out of its range.
    """

    name = NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: Optional[int] = None,
        client_max_window_bits: Union[int, bool, None] = None,
        compress_settings: Optional[dict[str, Any]] = None,
        *,
        min_size: int = 0,
        thread_size: Optional[int] = None,
    ) -> None:
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        self._backend = chosen()
        self.compress_settings: Optional[dict[str, Any]] = check_settings(
            self._wanted(), compress_settings, "client", self._backend
        )
        check_sizes(min_size, thread_size)
        self.min_size = min_size
        self.thread_size = thread_size

    def _wanted(self) -> Parameters:
        return Parameters(
            self.server_no_context_takeover,
            self.client_no_context_takeover,
            self.server_max_window_bits,
            self.client_max_window_bits,
        )

    def get_request_params(self) -> list[ExtensionParameter]:
        """Return the parameters of the offer."""
        return serialize(self._wanted())

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        """Check the server's answer against the offer, and make the extension."""
        refuse_twice(accepted_extensions)
        agreement = agreed(self._wanted(), params)
        return PerMessageDeflate(
            agreement.server_no_context_takeover,
            agreement.client_no_context_takeover,
            agreement.server_max_window_bits or 15,
            agreement.client_max_window_bits or 15,
            self.compress_settings,
            min_size=self.min_size,
            thread_size=self.thread_size,
            backend=self._backend,
        )


class ServerPerMessageDeflateFactory(ServerExtensionFactory):
    """
    Accept a client's offer of compression (RFC 7692 7.1).

    Arguments:
        server_no_context_takeover: start a new stream for each message to the client.
        client_no_context_takeover: ask the client to do so.
        server_max_window_bits: limit the server's window to 2 to that power bytes, 9-15.
        client_max_window_bits: limit the client's window to 2 to that power bytes, 8-15, if the
            client's offer says that it can be asked for that.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, or of the library that was
            chosen, without ``wbits`` and ``zdict``, followed to the letter; without them,
            :data:`LEVEL` is used, and a window that is kept from message to message has at most
            :data:`KEPT_WINDOW_BITS`.
        min_size: size in bytes below which messages aren't compressed, unless they are fragmented.
        thread_size: size in bytes, before compression where we compress and after it where we
            decompress, from which on that is done in a thread of the event loop's executor, if this
            is the connection's only extension; messages keep their order. None for never.
        require_client_max_window_bits: decline offers of clients that can't be asked for
            ``client_max_window_bits``.

    Raises:
        TypeError, ValueError: if an argument has the wrong type or is out of its range.
    """

    name = NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: Optional[int] = None,
        client_max_window_bits: Optional[int] = None,
        compress_settings: Optional[dict[str, Any]] = None,
        require_client_max_window_bits: bool = False,
        *,
        min_size: int = 0,
        thread_size: Optional[int] = None,
    ) -> None:
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        wanted = Parameters(
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        )
        if require_client_max_window_bits and client_max_window_bits is None:
            raise ValueError(
                "require_client_max_window_bits is enabled, but client_max_window_bits isn't "
                "configured"
            )
        self.require_client_max_window_bits = require_client_max_window_bits
        self._backend = chosen()
        self.compress_settings: Optional[dict[str, Any]] = check_settings(
            wanted, compress_settings, "server", self._backend
        )
        check_sizes(min_size, thread_size)
        self.min_size = min_size
        self.thread_size = thread_size

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Decide on an offer: return the parameters of the answer, and the extension."""
        refuse_twice(accepted_extensions)
        configured = Parameters(
            self.server_no_context_takeover,
            self.client_no_context_takeover,
            self.server_max_window_bits,
            self.client_max_window_bits,
        )
        required = self.require_client_max_window_bits
        answer, serialized = answered(configured, required, tuple(params))
        extension = PerMessageDeflate(
            answer.client_no_context_takeover,
            answer.server_no_context_takeover,
            answer.client_max_window_bits or 15,
            answer.server_max_window_bits or 15,
            self.compress_settings,
            min_size=self.min_size,
            thread_size=self.thread_size,
            backend=self._backend,
        )
        return [*serialized], extension


def refuse_twice(accepted_extensions: Sequence[Extension]) -> None:
    """Refuse to compress twice: a second extension would need the same reserved bit."""
    # Most often there are none, which needs no generator.
    if accepted_extensions and any(extension.name == NAME for extension in accepted_extensions):
        raise NegotiationError(f"{NAME} is already in use")


def enable_client_permessage_deflate(
    extensions: Optional[Sequence[ClientExtensionFactory]],
) -> Sequence[ClientExtensionFactory]:
    """Add compression with default settings to a client's extensions, unless it is there."""
    extensions = list(extensions or ())
    if not any(factory.name == NAME for factory in extensions):
        extensions.append(ClientPerMessageDeflateFactory(client_max_window_bits=True))
    return extensions


def enable_server_permessage_deflate(
    extensions: Optional[Sequence[ServerExtensionFactory]],
) -> Sequence[ServerExtensionFactory]:
    """Add compression with default settings to a server's extensions, unless it is there."""
    extensions = list(extensions or ())
    if not any(factory.name == NAME for factory in extensions):
        extensions.append(ServerPerMessageDeflateFactory())
    return extensions
