"""
Compression of messages: the permessage-deflate extension (RFC 7692 section 7).

Owns the negotiation of its four parameters and the two DEFLATE streams of a connection. Must never
know the handshake around it. Key decisions:

- The four parameters are parsed and checked by one function for both sides; what may stand in an
  offer and in an answer are two rows of a table.
- A stream is made when the first message needs it; without context takeover it is dropped when
  that message ends, so that an idle connection holds none.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

from ..exceptions import (
    DuplicateParameter,
    InvalidParameterName,
    InvalidParameterValue,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
)
from ..framing import OP_CONT, Frame
from ..typing import ExtensionParameter
from .base import ClientExtensionFactory, Extension, ServerExtensionFactory

__all__ = [
    "ClientPerMessageDeflateFactory",
    "PerMessageDeflate",
    "ServerPerMessageDeflateFactory",
    "enable_client_permessage_deflate",
    "enable_server_permessage_deflate",
]

NAME = "permessage-deflate"

# RFC 7692 7.2.1: an empty block without compression ends each message, and isn't sent.
TAIL = b"\x00\x00\xff\xff"

# Ending a stream is a way to flush, so a few in a frame are plausible. A peer that ends one every
# other byte makes us build a new state each time, which is an attack.
MAX_STREAMS = 16

WINDOW_BITS = {str(bits): bits for bits in range(8, 16)}


class Parameters(NamedTuple):
    """The four parameters of RFC 7692 7.1; True is a parameter without a value."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: Optional[int] = None
    client_max_window_bits: Union[int, bool, None] = None


def serialize(parameters: Parameters) -> list[ExtensionParameter]:
    """Return parameters in the form in which they stand in a header."""
    return [
        (name, None if value is True else str(value))
        for name, value in parameters._asdict().items()
        if value is not None and value is not False
    ]


def parse(params: Sequence[ExtensionParameter], *, is_offer: bool) -> Parameters:
    """
    Check the parameters of an offer or of an answer.

    Raises:
        NegotiationError: if a name is unknown or repeated, or a value isn't acceptable
            (RFC 7692 7.1: such an offer is declined, such an answer fails the connection).
    """
    found: dict[str, Any] = {}
    for name, value in params:
        if name not in Parameters._fields:
            raise InvalidParameterName(name)
        if name in found:
            raise DuplicateParameter(name)
        if name.endswith("_no_context_takeover"):
            if value is not None:
                raise InvalidParameterValue(name, value)
            found[name] = True
        elif value is None:
            # RFC 7692 7.1.2.2: only the client's window can be offered without a value.
            if not (is_offer and name == "client_max_window_bits"):
                raise InvalidParameterValue(name, value)
            found[name] = True
        elif value in WINDOW_BITS:
            found[name] = WINDOW_BITS[value]
        else:
            raise InvalidParameterValue(name, value)
    return Parameters(**found)


def check_settings(
    parameters: Parameters, compress_settings: Optional[dict[str, Any]], own_side: str
) -> dict[str, Any]:
    """Check the arguments of a factory; ``own_side`` is the side that will compress here."""
    for name in ("server_max_window_bits", "client_max_window_bits"):
        bits = getattr(parameters, name)
        if bits is None:
            continue
        # Only in an offer may this one stand without a value.
        if bits is True and name == "client_max_window_bits" and own_side == "client":
            continue
        # zlib can't compress raw DEFLATE with a window of 256 bytes.
        lowest = 9 if name.startswith(own_side) else 8
        if isinstance(bits, bool) or not isinstance(bits, int) or not lowest <= bits <= 15:
            raise ValueError(f"{name} must be between {lowest} and 15, not {bits!r}")
    settings = dict(compress_settings or {})
    if "wbits" in settings:
        raise ValueError("compress_settings can't contain wbits: set a max_window_bits parameter")
    # Whatever is wrong is better known now than when the first message is sent.
    zlib.compressobj(wbits=-15, **settings)
    return settings


class PerMessageDeflate(Extension):
    """
    Compress and decompress the messages of one connection.

    Arguments:
        remote_no_context_takeover: whether each message from the peer starts a new stream.
        local_no_context_takeover: whether each message to the peer starts a new stream.
        remote_max_window_bits: base-2 logarithm of the peer's window in bytes, 8 to 15.
        local_max_window_bits: the same of our window, 9 to 15.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, without ``wbits``.
    """

    name = NAME

    def __init__(
        self,
        remote_no_context_takeover: bool,
        local_no_context_takeover: bool,
        remote_max_window_bits: int,
        local_max_window_bits: int,
        compress_settings: Optional[dict[str, Any]] = None,
    ) -> None:
        self.remote_no_context_takeover = remote_no_context_takeover
        self.local_no_context_takeover = local_no_context_takeover
        self.remote_max_window_bits = remote_max_window_bits
        self.local_max_window_bits = local_max_window_bits
        self.compress_settings = compress_settings or {}
        self._inflater: Any = None
        self._deflater: Any = None
        self._inflating = False  # whether the message being received is compressed

    def __repr__(self) -> str:
        return (
            f"PerMessageDeflate("
            f"remote_no_context_takeover={self.remote_no_context_takeover}, "
            f"local_no_context_takeover={self.local_no_context_takeover}, "
            f"remote_max_window_bits={self.remote_max_window_bits}, "
            f"local_max_window_bits={self.local_max_window_bits})"
        )

    def leaves(self, opcode: int, rsv: int) -> bool:
        """Tell whether a frame isn't compressed; RFC 7692 6.2."""
        if rsv:
            return False
        if opcode > 2:
            return True
        if opcode != OP_CONT:
            self._inflating = False
        return not self._inflating

    def decode(self, frame: Frame, *, max_size: Optional[int] = None) -> Frame:
        """Decompress a received frame; RFC 7692 7.2.2."""
        if frame.opcode > 2:
            return frame  # Control frames aren't compressed, and RSV1 stays set to be refused.
        if frame.opcode != OP_CONT:
            self._inflating = frame.rsv1
        elif frame.rsv1:
            # RFC 7692 6.1: RSV1 is set on the first frame only.
            raise ProtocolError("reserved bit RSV1 set on a continuation frame")
        if not self._inflating:
            return frame
        data = self._inflate(frame.data + TAIL if frame.fin else frame.data, max_size)
        if frame.fin and self.remote_no_context_takeover:
            self._inflater = None
        return frame._replace(data=data, rsv1=False)

    def _inflate(self, data: bytes, max_size: Optional[int]) -> bytes:
        output = b""
        streams = 0
        try:
            # RFC 7692 7.2.3.5: a peer may end its DEFLATE stream; then another one follows.
            # After its end, the tail of the message belongs to no stream.
            while data and not (data == TAIL and self._inflater is None):
                if streams == MAX_STREAMS:
                    raise ProtocolError(f"more than {MAX_STREAMS} DEFLATE streams in a frame")
                if self._inflater is None:
                    # zlib inflates what was made for a window of 8 bits with one of 9 bits.
                    self._inflater = zlib.decompressobj(-max(self.remote_max_window_bits, 9))
                # A limit of 0 would mean no limit to zlib, so one byte more than wanted is asked.
                limit = 0 if max_size is None else max_size - len(output) + 1
                output += self._inflater.decompress(data, limit)
                if max_size is not None and len(output) > max_size:
                    raise PayloadTooBig(
                        f"message exceeds the limit on its size: {max_size} bytes were left for a "
                        f"compressed frame of {len(data)} bytes"
                    )
                if not self._inflater.eof:
                    break
                data = self._inflater.unused_data
                self._inflater = None
                streams += 1
        except zlib.error as exc:
            raise ProtocolError(f"compressed data can't be decompressed: {exc}") from exc
        return output

    def encode(self, frame: Frame) -> Frame:
        """Compress a frame that will be sent; RFC 7692 7.2.1."""
        if frame.opcode > 2:
            return frame
        if self._deflater is None:
            self._deflater = zlib.compressobj(
                wbits=-self.local_max_window_bits, **self.compress_settings
            )
        data = self._deflater.compress(frame.data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if frame.fin:
            data = data[: -len(TAIL)]
            if self.local_no_context_takeover:
                self._deflater = None
        return frame._replace(data=data, rsv1=frame.opcode != OP_CONT)


class ClientPerMessageDeflateFactory(ClientExtensionFactory):
    """
    Offer compression to servers (RFC 7692 7.1).

    Arguments:
        server_no_context_takeover: ask the server to start a new stream for each message.
        client_no_context_takeover: tell the server that the client will do so.
        server_max_window_bits: ask the server for a window of at most 2 to that power bytes, 8-15.
        client_max_window_bits: tell the server that the client's window will be at most 2 to that
            power bytes, 9-15; True says only that the server may ask for a smaller one.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, without ``wbits``.

    Raises:
        ValueError: if an argument is out of its range.
    """

    name = NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: Optional[int] = None,
        client_max_window_bits: Union[int, bool, None] = None,
        compress_settings: Optional[dict[str, Any]] = None,
    ) -> None:
        self.server_no_context_takeover = server_no_context_takeover
        self.client_no_context_takeover = client_no_context_takeover
        self.server_max_window_bits = server_max_window_bits
        self.client_max_window_bits = client_max_window_bits
        self.compress_settings = check_settings(self._wanted(), compress_settings, "client")

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
        wanted = self._wanted()
        answer = parse(params, is_offer=False)
        # RFC 7692 7.1.1.1: the server must agree to that.
        if wanted.server_no_context_takeover and not answer.server_no_context_takeover:
            raise NegotiationError("server didn't accept server_no_context_takeover")
        # 7.1.2.1: it must agree to a window that is as small or smaller.
        if wanted.server_max_window_bits is not None:
            if answer.server_max_window_bits is None:
                raise NegotiationError("server didn't accept server_max_window_bits")
            if answer.server_max_window_bits > wanted.server_max_window_bits:
                raise InvalidParameterValue(
                    "server_max_window_bits", str(answer.server_max_window_bits)
                )
        local_bits = 15
        # 7.1.2.2: it may limit our window only if we said that it may.
        if answer.client_max_window_bits is not None:
            if wanted.client_max_window_bits is None:
                raise InvalidParameterName("client_max_window_bits")
            local_bits = answer.client_max_window_bits
            if local_bits == 8:
                # We can't compress with so small a window: see check_settings.
                raise InvalidParameterValue("client_max_window_bits", "8")
        if wanted.client_max_window_bits not in (None, True):
            if local_bits > wanted.client_max_window_bits and answer.client_max_window_bits:
                raise InvalidParameterValue("client_max_window_bits", str(local_bits))
            local_bits = min(local_bits, wanted.client_max_window_bits)
        return PerMessageDeflate(
            remote_no_context_takeover=answer.server_no_context_takeover,
            # 7.1.1.2: we may do so even if the server doesn't ask for it.
            local_no_context_takeover=(
                wanted.client_no_context_takeover or answer.client_no_context_takeover
            ),
            remote_max_window_bits=answer.server_max_window_bits or 15,
            local_max_window_bits=local_bits,
            compress_settings=self.compress_settings,
        )


class ServerPerMessageDeflateFactory(ServerExtensionFactory):
    """
    Accept a client's offer of compression (RFC 7692 7.1).

    Arguments:
        server_no_context_takeover: start a new stream for each message to the client.
        client_no_context_takeover: ask the client to do so.
        server_max_window_bits: limit the server's window to 2 to that power bytes, 9-15.
        client_max_window_bits: limit the client's window to 2 to that power bytes, 8-15; offers
            of clients that can't be asked for that are declined.
        compress_settings: keyword arguments of :func:`zlib.compressobj`, without ``wbits``.

    Raises:
        ValueError: if an argument is out of its range.
    """

    name = NAME

    def __init__(
        self,
        server_no_context_takeover: bool = False,
        client_no_context_takeover: bool = False,
        server_max_window_bits: Optional[int] = None,
        client_max_window_bits: Optional[int] = None,
        compress_settings: Optional[dict[str, Any]] = None,
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
        self.compress_settings = check_settings(wanted, compress_settings, "server")

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Decide on an offer: return the parameters of the answer, and the extension."""
        refuse_twice(accepted_extensions)
        offer = parse(params, is_offer=True)
        # RFC 7692 7.1.2.1: the smaller of what is asked for and what is configured.
        server_bits = smallest(offer.server_max_window_bits, self.server_max_window_bits)
        if server_bits == 8:
            raise NegotiationError("server can't compress with server_max_window_bits=8")
        # 7.1.2.2: the answer can limit the client's window only if the offer said that it may.
        client_bits: Optional[int] = None
        if offer.client_max_window_bits is not None:
            offered = offer.client_max_window_bits
            client_bits = smallest(
                None if offered is True else offered, self.client_max_window_bits
            )
        elif self.client_max_window_bits is not None:
            raise NegotiationError("client doesn't support client_max_window_bits")
        answer = Parameters(
            # 7.1.1.1 and 7.1.1.2: what either side asks for is done.
            self.server_no_context_takeover or offer.server_no_context_takeover,
            self.client_no_context_takeover or offer.client_no_context_takeover,
            server_bits,
            client_bits,
        )
        extension = PerMessageDeflate(
            remote_no_context_takeover=answer.client_no_context_takeover,
            local_no_context_takeover=answer.server_no_context_takeover,
            remote_max_window_bits=client_bits or 15,
            local_max_window_bits=server_bits or 15,
            compress_settings=self.compress_settings,
        )
        return serialize(answer), extension


def smallest(*bits: Optional[int]) -> Optional[int]:
    """Return the smallest of the values that aren't None, None if there is none."""
    return min((value for value in bits if value is not None), default=None)


def refuse_twice(accepted_extensions: Sequence[Extension]) -> None:
    """Refuse to compress twice: a second extension would need the same reserved bit."""
    if any(extension.name == NAME for extension in accepted_extensions):
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
