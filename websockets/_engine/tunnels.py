"""
Ways through proxies on asyncio, with TLS or without.

Owns the order of steps to a transport that leads through a proxy. Must never know what a proxy is
asked, nor what goes through it. Key decision: an HTTP proxy's transport is handed on to the next
protocol, be it TLS or a connection, in the same way in which an event loop hands on a new one; so
nothing behind it knows that there is a proxy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .._handshake.tunnels import SOCKS, Tunnel, socks_error, socks_proxy
from .._transports.secure import connect_over_tls
from ..proxy import Proxy, parse_proxy
from ..uri import WebSocketURI

__all__ = ["through_proxy"]

Connect = Callable[..., Awaitable[Any]]


class Asking(asyncio.Protocol):
    """
    Ask an HTTP proxy for a tunnel.

    Arguments:
        loop: the event loop.
        tunnel: what to ask, and what is made of the answer.

    Attributes:
        answered: a future that is done when there is a tunnel.
        rest: the bytes that came through it.
    """

    def __init__(self, loop: Any, tunnel: Tunnel) -> None:
        self.answered: asyncio.Future[None] = loop.create_future()
        self.rest = b""
        self._tunnel = tunnel

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and ask."""
        transport.write(self._tunnel.request)

    def data_received(self, data: bytes) -> None:
        """Take bytes from the proxy."""
        if self.answered.done():
            self.rest += data
            return
        try:
            if self._tunnel.feed(data):
                self.rest = self._tunnel.rest
                self.answered.set_result(None)
        except Exception as exc:
            self._fail(exc)

    def eof_received(self) -> None:
        """Take notice that the proxy ends TCP."""
        self.connection_lost(None)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """Take notice that the transport is gone."""
        if not self.answered.done():
            try:
                self._tunnel.fail(exc)
            except Exception as failure:
                self._fail(failure)

    def _fail(self, exc: Exception) -> None:
        self.answered.set_exception(exc)
        self.answered.exception()  # Nobody asks if connecting is cancelled at the same time.


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
    asking = Asking(loop, Tunnel(proxy, wsuri, user_agent))
    transport = await connect_over_tls(loop, loop.create_connection, asking, theirs)
    try:
        await asking.answered
    except BaseException:
        transport.abort()
        raise

    async def connect(factory: Callable[[], Any], **kwds: Any) -> tuple[Any, Any]:
        protocol = factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if asking.rest:
            protocol.data_received(asking.rest)
        return transport, protocol

    return connect, ours


async def through_socks(proxy: Proxy, wsuri: WebSocketURI, kwds: dict[str, Any]) -> Any:
    """Connect through a SOCKS proxy; return the socket."""
    socks = socks_proxy("async_.asyncio", proxy, kwds.pop("host", None), kwds.pop("port", None))
    try:
        return await socks.connect(wsuri.host, wsuri.port, **kwds)
    except Exception as exc:
        raise socks_error(exc)  # noqa: B904 (it has its cause)
