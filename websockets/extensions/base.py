"""
What an extension is (RFC 6455 section 9), for programs that bring their own.

Owns the three interfaces and nothing else. Key decision: they are plain base classes that an
extension may inherit from but doesn't have to; only the methods count. Frames are what the face of
the connection has: :class:`websockets.frames.Frame` or the named tuple of
:mod:`websockets.framing`, whose attributes have the same names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .._borrowed import borrow
from ..typing import ExtensionParameter

__all__ = ["ClientExtensionFactory", "Extension", "ServerExtensionFactory"]

borrow(globals())


class Extension:
    """
    An extension that was negotiated for one connection.

    All frames, control frames included, pass through it, in the order of the connection.
    """

    name: str
    """Name as it stands in the Sec-WebSocket-Extensions header."""

    def decode(self, frame: Any, *, max_size: Optional[int] = None) -> Any:
        """
        Decode a received frame.

        Arguments:
            frame: the frame; an extension that finds its reserved bit set returns it unset.
            max_size: most bytes that the decoded payload may have; None for no limit.

        Raises:
            PayloadTooBig: if the decoded payload exceeds ``max_size``.
            ProtocolError: if the frame can't be decoded.
        """
        raise NotImplementedError

    def encode(self, frame: Any) -> Any:
        """
        Encode a frame that is about to be sent.

        A method that compresses may also have the keyword argument ``compress``: True or False is
        what a program wants for the message that starts with the frame, None leaves it open.
        """
        raise NotImplementedError

    def passes(self, opcode: int, rsv: int) -> bool:
        """
        Tell whether a received frame needn't be decoded.

        Optional. It is asked once for each frame, when its header is there; a frame that all
        extensions leave as it is doesn't wait until its payload is complete.

        Arguments:
            opcode: opcode of the frame.
            rsv: its reserved bits, 0x40, 0x20 and 0x10; they must all be 0 for True.
        """
        return False


class ClientExtensionFactory:
    """Offers an extension to servers, and makes it when a server accepts."""

    name: str
    """Name as it stands in the Sec-WebSocket-Extensions header."""

    def get_request_params(self) -> list[ExtensionParameter]:
        """Return the parameters of the offer: pairs of a name, and a value or None."""
        raise NotImplementedError

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> Extension:
        """
        Make the extension from the server's answer.

        Arguments:
            params: parameters in the answer.
            accepted_extensions: extensions accepted before this one.

        Raises:
            NegotiationError: if the answer isn't acceptable; the handshake then fails.
        """
        raise NotImplementedError


class ServerExtensionFactory:
    """Accepts or declines a client's offer of an extension."""

    name: str
    """Name as it stands in the Sec-WebSocket-Extensions header."""

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], Extension]:
        """
        Accept an offer.

        Arguments:
            params: parameters of the offer.
            accepted_extensions: extensions accepted before this one.

        Returns:
            the parameters of the answer, and the extension.

        Raises:
            NegotiationError: to decline the offer; the handshake goes on without it.
        """
        raise NotImplementedError
