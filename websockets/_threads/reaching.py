"""
From a URI to a socket, for threads: where TCP goes, by which way, and with TLS or without.

Owns these steps. Must never know a handshake of ours, nor what a proxy is asked. Key decision: each
step gets what is left of one time, and closes what it has if it fails.
"""

from __future__ import annotations

import socket
from typing import Any, Optional

from .._handshake.tunnels import SOCKS, Tunnel, socks_error, socks_proxy
from ..proxy import Proxy, parse_proxy
from ..uri import WebSocketURI
from .deadline import Deadline
from .sockets import end_of, recv_within, send_within

__all__ = ["over_tls", "through_proxy", "to_address", "to_path"]


def to_address(address: Any, deadline: Deadline, kwargs: dict[str, Any]) -> Any:
    """
    Connect by TCP.

    Arguments:
        address: ``(host, port)``.
        deadline: until when.
        kwargs: arguments of :func:`socket.create_connection`.
    """
    given = dict(kwargs)
    address = given.pop("address", address)
    given.setdefault("timeout", deadline.timeout())
    sock = socket.create_connection(address, **given)
    sock.settimeout(None)
    without_delay(sock)
    return sock


def to_path(path: Any, deadline: Deadline) -> Any:
    """Connect to a Unix socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.timeout())
        sock.connect(path)
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return sock


def without_delay(sock: Any) -> None:
    """Have small pieces leave at once, if it is TCP."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        pass  # A Unix socket knows no delay.


def over_tls(
    sock: Any, context: Any, deadline: Deadline, server_side: bool = False, name: Any = None
) -> Any:
    """
    Perform the TLS handshake on a socket.

    Arguments:
        sock: the socket, which is closed if that fails.
        context: an :class:`ssl.SSLContext`; None or True for the default one.
        deadline: until when.
        server_side: which side this is.
        name: the name that the server's certificate has to have.
    """
    from .._transports.trust import own_context, shared_context
    from .tls import TLSSocket

    own = None
    try:
        if context is None or context is True:
            context, own = shared_context(), own_context
        tls = TLSSocket(sock, context, server_side, name, own)
        tls.do_handshake(deadline)
    except BaseException:
        end_of(sock)
        raise
    return tls


def through_proxy(
    uri: str,
    wsuri: WebSocketURI,
    deadline: Deadline,
    user_agent: Optional[str],
    kwargs: dict[str, Any],
    context: Any = None,
    name: Optional[str] = None,
) -> Any:
    """
    Connect through a proxy.

    Arguments:
        uri: URI of the proxy.
        wsuri: URI of the server.
        deadline: until when.
        user_agent: value of the User-Agent header for HTTP proxies, None for no such header.
        kwargs: as for :func:`to_address`.
        context, name: for TLS with the proxy, as for :func:`over_tls`.
    """
    proxy = parse_proxy(uri)
    if proxy.scheme in SOCKS:
        return through_socks(proxy, wsuri, deadline, kwargs)
    if proxy.scheme == "http" and context is not None:
        raise ValueError("proxy_ssl argument is incompatible with an http:// proxy")
    sock = to_address((proxy.host, proxy.port), deadline, kwargs)
    try:
        if proxy.scheme == "https":
            sock = over_tls(sock, context, deadline, name=name or proxy.host)
        ask(sock, Tunnel(proxy, wsuri, user_agent), deadline)
    except TimeoutError:
        end_of(sock)
        raise TimeoutError("timed out while connecting to HTTP proxy") from None
    except BaseException:
        end_of(sock)
        raise
    return sock


def ask(sock: Any, tunnel: Tunnel, deadline: Deadline) -> None:
    """Ask an HTTP proxy for a tunnel."""
    try:
        send_within(sock, tunnel.request, deadline)
        while True:
            data = recv_within(sock, 65536, deadline)
            if not data:
                tunnel.fail()
            if tunnel.feed(data):
                break
    except TimeoutError:
        raise
    except OSError as exc:
        tunnel.fail(exc)
    if tunnel.rest:
        # Servers speak when they are asked, with TLS or without.
        tunnel.fail(ValueError("there is something behind the proxy's answer"))


def through_socks(
    proxy: Proxy, wsuri: WebSocketURI, deadline: Deadline, kwargs: dict[str, Any]
) -> Any:
    """Connect through a SOCKS proxy."""
    host, port = kwargs.get("address", (None, None))
    socks = socks_proxy("sync", proxy, host, port)
    given = {}
    if kwargs.get("source_address") is not None:
        given["local_addr"] = kwargs["source_address"]
    try:
        sock = socks.connect(wsuri.host, wsuri.port, timeout=deadline.timeout(), **given)
    except Exception as exc:
        raise socks_error(exc)  # noqa: B904 (it has its cause)
    sock.settimeout(None)
    without_delay(sock)
    return sock
