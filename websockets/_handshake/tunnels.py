"""
The conversation with a proxy, without I/O: what CONNECT asks (RFC 9110 9.3.6), and who asks SOCKS.

Owns what a proxy is asked, and what its answers mean. Must never know how bytes travel. Key
decisions: whoever has the socket gives what arrives and goes on when there is a tunnel; all that
can go wrong is raised from there, as one exception for programs. SOCKS is left to
``python-socks``, which programs install that want it.
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn, Optional

from .._core import MessageHeadReader
from ..exceptions import InvalidProxyMessage, InvalidProxyStatus, ProxyError
from ..http11 import Response
from ..proxy import Proxy, prepare_connect_request
from ..uri import WebSocketURI

__all__ = ["SOCKS", "Tunnel", "socks_error", "socks_proxy"]

# How python-socks calls them, and whether the proxy looks names up.
SOCKS = {
    "socks5h": ("SOCKS5", True),
    "socks5": ("SOCKS5", False),
    "socks4a": ("SOCKS4", True),
    "socks4": ("SOCKS4", False),
}


class Tunnel:
    """
    Ask an HTTP proxy for a tunnel.

    Arguments:
        proxy: the proxy.
        wsuri: URI of the server.
        user_agent: value of the User-Agent header, None for no such header.

    Attributes:
        request: what to ask.
        rest: the bytes that came behind the answer.
    """

    def __init__(self, proxy: Proxy, wsuri: WebSocketURI, user_agent: Optional[str]) -> None:
        self.request = prepare_connect_request(proxy, wsuri, user_agent)
        self.rest = b""
        self._head = MessageHeadReader(True, True)

    def feed(self, data: bytes) -> bool:
        """
        Take bytes from the proxy; return whether there is a tunnel.

        Raises:
            InvalidProxyMessage: if they can't be understood.
            InvalidProxyStatus: if the proxy refuses.
        """
        head = self._head
        try:
            if not head.feed(data):
                return False
            response = Response(head.status, head.reason, head.headers)
        except Exception as exc:
            self.fail(exc)
        # RFC 9110 9.3.6: any 2xx is a tunnel, and has no content.
        if not 200 <= response.status_code < 300:
            raise InvalidProxyStatus(response)
        self.rest = head.rest
        return True

    def fail(self, exc: Optional[BaseException] = None) -> NoReturn:
        """
        Tell what it means that no more comes; of the reason if there is one.

        Raises:
            InvalidProxyMessage: always.
        """
        if exc is None:
            exc = EOFError("the connection to the proxy ended")
        raise InvalidProxyMessage("did not receive a valid HTTP response from proxy") from exc


def socks_proxy(
    kind: str, proxy: Proxy, host: Optional[str] = None, port: Optional[int] = None
) -> Any:
    """
    Return what connects through a SOCKS proxy, of python-socks.

    Arguments:
        kind: the module that has it, "sync", "async_.asyncio" or "async_.trio".
        proxy: the proxy.
        host, port: where it is, if that isn't where its URI says.
    """
    try:
        types = importlib.import_module("python_socks").ProxyType
        module = importlib.import_module(f"python_socks.{kind}")
    except ImportError:
        raise ImportError("connecting through a SOCKS proxy requires python-socks") from None
    name, rdns = SOCKS[proxy.scheme]
    return module.Proxy(
        types[name],
        proxy.host if host is None else host,
        proxy.port if port is None else port,
        proxy.username,
        proxy.password,
        rdns,
    )


def socks_error(exc: Exception) -> Exception:
    """Return what to raise for an exception of python-socks; what the network says stays so."""
    if isinstance(exc, OSError):
        return exc
    error = ProxyError("failed to connect to SOCKS proxy")
    error.__cause__ = exc
    return error
