"""
Ways through proxies on trio, with TLS or without.

Owns the order of steps to a stream that leads through a proxy. Must never know what a proxy is
asked, nor what goes through it.
"""

from __future__ import annotations

from ssl import SSLContext
from typing import Any, Optional

import trio

from .._handshake.tunnels import SOCKS, Tunnel, socks_error, socks_proxy
from .._transports.trust import shared_context
from ..proxy import Proxy, parse_proxy
from ..uri import WebSocketURI
from ._streams import GONE, close_at_once

__all__ = ["through_proxy"]


async def through_proxy(
    uri: str,
    ws_uri: WebSocketURI,
    user_agent: Optional[str],
    context: Optional[SSLContext],
    server_hostname: Optional[str],
    kwds: dict[str, Any],
) -> trio.abc.Stream:
    """
    Connect to a server through a proxy.

    Arguments:
        uri: URI of the proxy.
        ws_uri: URI of the server.
        user_agent: value of the User-Agent header for HTTP proxies, None for no such header.
        context, server_hostname: for TLS with the proxy.
        kwds: arguments of ``trio.open_tcp_stream()``.

    Raises:
        ProxyError: if the proxy refuses, or answers what can't be understood.
        OSError: if it can't be reached.
    """
    proxy = parse_proxy(uri)
    if proxy.scheme in SOCKS:
        return await through_socks(proxy, ws_uri, kwds)
    if proxy.scheme != "https" and context is not None:
        raise ValueError("proxy_ssl argument is incompatible with an http:// proxy")
    kwds = {"host": proxy.host, "port": proxy.port, **kwds}
    stream: trio.abc.Stream = await trio.open_tcp_stream(**kwds)
    try:
        if proxy.scheme == "https":
            secure: trio.SSLStream[Any] = trio.SSLStream(
                stream,
                shared_context() if context is None else context,
                server_hostname=proxy.host if server_hostname is None else server_hostname,
                https_compatible=True,
            )
            stream = secure
            await secure.do_handshake()
        tunnel = Tunnel(proxy, ws_uri, user_agent)
        await stream.send_all(tunnel.request)
        await answered(stream, tunnel)
    except BaseException:
        await close_at_once(stream)
        raise
    return Behind(stream, tunnel.rest) if tunnel.rest else stream


async def answered(stream: trio.abc.Stream, tunnel: Tunnel) -> None:
    """Read a proxy's answer."""
    while True:
        try:
            data = await stream.receive_some()
        except GONE as exc:
            tunnel.fail(exc)
        if not data:
            tunnel.fail()
        if tunnel.feed(bytes(data)):
            return


async def through_socks(
    proxy: Proxy, ws_uri: WebSocketURI, kwds: dict[str, Any]
) -> trio.abc.Stream:
    """Connect through a SOCKS proxy."""
    socks = socks_proxy("async_.trio", proxy, kwds.pop("host", None), kwds.pop("port", None))
    try:
        sock = await socks.connect(ws_uri.host, ws_uri.port, **kwds)
    except Exception as exc:
        raise socks_error(exc)  # noqa: B904 (it has its cause)
    return trio.SocketStream(sock)


class Behind(trio.abc.Stream):
    """
    A stream of which some bytes came early: a server spoke before it was asked.

    Arguments:
        stream: the stream.
        rest: those bytes.
    """

    def __init__(self, stream: trio.abc.Stream, rest: bytes) -> None:
        self.transport_stream = stream
        self._rest = rest

    async def receive_some(self, max_bytes: Optional[int] = None) -> bytes:
        """Give what came early, then what comes."""
        if not self._rest:
            return bytes(await self.transport_stream.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        data = self._rest[:max_bytes]
        self._rest = self._rest[len(data) :]
        return data

    async def send_all(self, data: Any) -> None:
        """Send on the stream."""
        await self.transport_stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait on the stream."""  # pragma: no cover (as every stream has to be able to)
        await self.transport_stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self.transport_stream.aclose()
