"""
Where a client goes, and what it takes there.

Owns the URI of the next attempt and the headers that its server may see, and how a redirect changes
both. Must never know how to connect. Key decision: which redirects may be followed is a rule of
:mod:`websockets._handshake.redirects`; here a program may come between.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional, Union

from .._handshake.redirects import for_another_server, judge
from ..datastructures import HeadersLike
from ..uri import WebSocketURI, parse_uri

__all__ = ["Destination", "uri_of_unix"]


class Destination:
    """
    What connects has this as a base.

    Attributes:
        uri: the URI of the next attempt.
        ws_uri: the same, parsed.
        additional_headers: headers of its request beside those of the handshake, or None.
    """

    uri: str
    ws_uri: WebSocketURI
    additional_headers: Optional[HeadersLike]

    def _set_out(self, uri: str, additional_headers: Optional[HeadersLike], ssl: Any) -> None:
        """
        Take where to go first; ``ssl`` is the context for TLS, if there is one.

        Raises:
            InvalidURI: if the URI isn't valid.
            ValueError: if there is a context, but no TLS.
        """
        self._go_to(uri)
        if not self.ws_uri.secure and ssl is not None:
            raise ValueError("ssl argument is incompatible with a ws:// URI")
        if isinstance(additional_headers, Iterator):
            additional_headers = list(additional_headers)  # for more than one attempt
        self.additional_headers = additional_headers

    def _go_to(self, uri: str) -> None:
        self.uri = uri
        self.ws_uri = parse_uri(uri)

    def _given(self) -> list[str]:
        """Return the names of those arguments that say where to connect, and only there."""
        raise NotImplementedError

    def process_redirect(self, exc: Exception) -> Union[str, Exception]:
        """
        Tell what to do about a handshake that failed.

        Arguments:
            exc: the exception.

        Returns:
            the URI to go on with; ``exc`` to raise it, or another exception to raise instead.
        """
        redirect = judge(exc, self.uri, self._given())
        if isinstance(redirect, Exception):
            return redirect
        if not redirect.same_origin and self.additional_headers is not None:
            self.additional_headers = for_another_server(self.additional_headers)
        return redirect.uri

    def _redirect(self, exc: Exception) -> bool:
        """Return whether to go on behind an exception, elsewhere; or raise another."""
        verdict = self.process_redirect(exc)
        if verdict is exc:
            return False
        if isinstance(verdict, Exception):
            raise verdict from exc
        self._go_to(verdict)
        return True


def uri_of_unix(uri: Optional[str], kwargs: dict[str, Any]) -> str:
    """Return the URI for a handshake on a Unix socket: that which is given, or the usual one."""
    if uri is not None:
        return uri
    secure = kwargs.get("ssl") is not None or kwargs.get("ssl_context") is not None
    return "wss://localhost/" if secure else "ws://localhost/"
