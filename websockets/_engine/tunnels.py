"""
Ways through proxies: HTTP's CONNECT (RFC 9110 9.3.6), with TLS or without, and SOCKS.

Owns the conversation with a proxy. Must never know what goes through it. Key decision: an HTTP
proxy's transport is handed on to the next protocol, be it TLS or a connection, in the same way in
which an event loop hands on a new one; so nothing behind it knows that there is a proxy. SOCKS is
left to ``python-socks``, which programs install that want it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .._core import MessageHeadReader
from .._transports.secure import connect_over_tls
from ..exceptions import InvalidProxyMessage, InvalidProxyStatus, ProxyError
from ..http11 import Response
from ..proxy import Proxy, parse_proxy, prepare_connect_request
from ..uri import WebSocketURI

__all__ = ["through_proxy"]

# How python-socks calls them, and whether the proxy looks names up.
SOCKS = {
    "socks5h": ("SOCKS5", True),
    "socks5": ("SOCKS5", False),
    "socks4a": ("SOCKS4", True),
    "socks4": ("SOCKS4", False),
}

Connect = Callable[..., Awaitable[Any]]


class Tunnel(asyncio.Protocol):
    """
    Ask an HTTP proxy for a tunnel.

    Arguments:
        loop: the event loop.
        request: what to ask.

    Attributes:
        response: a future for the proxy's answer.
        rest: the bytes that came behind that.
    """

    def __init__(self, loop: Any, request: bytes) -> None:
        self.response: asyncio.Future[Response] = loop.create_future()
        self.rest = b""
        self._request = request
        self._head = MessageHeadReader(True, True)

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and ask."""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the proxy."""
        head = self._head
        if self.response.done():
            self.rest += data
            return
        try:
            if head.feed(data):
                self.rest = head.rest
                self.response.set_result(Response(head.status, head.reason, head.headers))
        except Exception as exc:
            self._fail(exc)

    def eof_received(self) -> None:
        """Take notice that the proxy ends TCP."""
        self._fail(EOFError("the connection to the proxy ended"))

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the transport is gone."""
        self._fail(exc or EOFError("the connection to the proxy ended"))

    def _fail(self, exc: Exception) -> None:
        if not self.response.done():
            self.response.set_exception(exc)
            self.response.exception()  # Nobody asks if connecting is cancelled at the same time.


async def through_proxy(
    loop: asyncio.AbstractEventLoop,
    uri: str,
    wsuri: WebSocketURI,
    user_agent: Optional[str],
    kwds: dict[str, Any],
) -> tuple[Connect, dict[str, Any]]:
    """
    Go through a proxy.

    Arguments:
        loop: the event loop.
        uri: URI of the proxy.
        wsuri: URI of the server.
        user_agent: value of the User-Agent header for HTTP proxies, None for no such header.
        kwds: arguments of :meth:`asyncio.loop.create_connection`. What begins with ``ssl``, and
            ``server_hostname``, are meant for the server; all others for the proxy, without the
            ``proxy_`` that some begin with.

    Returns:
        what connects as ``create_connection()`` does, and the arguments for it.

    Raises:
        ProxyError: if the proxy refuses, or answers what can't be understood.
        OSError: if it can't be reached.
    """
    proxy = parse_proxy(uri)
    theirs: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    for name, value in kwds.items():
        if name.startswith("proxy_"):
            theirs[name[len("proxy_") :]] = value
        elif name.startswith("ssl") or name == "server_hostname":
            ours[name] = value
        else:
            theirs[name] = value
    if proxy.scheme in SOCKS:
        ours["sock"] = await through_socks(proxy, wsuri, theirs)
        return loop.create_connection, ours
    if proxy.scheme == "https":
        if theirs.setdefault("ssl", True) is None:
            raise ValueError("proxy_ssl=None is incompatible with an https:// proxy")
        theirs.setdefault("server_hostname", proxy.host)
    elif "ssl" in theirs:
        raise ValueError("proxy_ssl argument is incompatible with an http:// proxy")
    theirs.setdefault("host", proxy.host)
    theirs.setdefault("port", proxy.port)
    tunnel = Tunnel(loop, prepare_connect_request(proxy, wsuri, user_agent))
    transport = await connect_over_tls(loop, loop.create_connection, tunnel, theirs)
    try:
        try:
            response = await tunnel.response
        except Exception as exc:
            raise InvalidProxyMessage("did not receive a valid HTTP response from proxy") from exc
        if not 200 <= response.status_code < 300:
            raise InvalidProxyStatus(response)
    except BaseException:
        transport.abort()
        raise

    async def connect(factory: Callable[[], Any], **kwds: Any) -> tuple[Any, Any]:
        protocol = factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if tunnel.rest:
            protocol.data_received(tunnel.rest)
        return transport, protocol

    return connect, ours


async def through_socks(proxy: Proxy, wsuri: WebSocketURI, kwds: dict[str, Any]) -> Any:
    """Connect through a SOCKS proxy; return the socket."""
    try:
        from python_socks import ProxyType
        from python_socks.async_.asyncio import Proxy as Socks
    except ImportError:
        raise ImportError("connecting through a SOCKS proxy requires python-socks") from None
    kind, rdns = SOCKS[proxy.scheme]
    socks = Socks(
        ProxyType[kind],
        kwds.pop("host", proxy.host),
        kwds.pop("port", proxy.port),
        proxy.username,
        proxy.password,
        rdns,
    )
    try:
        return await socks.connect(wsuri.host, wsuri.port, **kwds)
    except OSError:
        raise
    except Exception as exc:
        raise ProxyError("failed to connect to SOCKS proxy") from exc
