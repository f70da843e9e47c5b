"""
From a URI to a transport: where TCP goes, by which way, and whether with TLS.

Owns what is done with the arguments that say so. Must never know a handshake. Key decision: a proxy
is asked only where nothing else says where TCP goes, and only programs that want one load what it
takes.
"""

from __future__ import annotations

import asyncio
from typing import Any, Optional, Union

from .._transports.reactors import connector
from .._transports.secure import connect_over_tls
from ..uri import WebSocketURI

__all__ = ["reach"]


async def reach(
    wsuri: WebSocketURI,
    protocol: Any,
    given: dict[str, Any],
    proxy: Union[str, bool, None] = None,
    user_agent: Optional[str] = None,
) -> Any:
    """
    Connect a protocol to a server, by TCP and TLS.

    Arguments:
        wsuri: URI of the server.
        protocol: the protocol.
        given: arguments of :meth:`asyncio.loop.create_connection`; with ``unix`` set, those of
            ``create_unix_connection()``.
        proxy: URI of a proxy, True for the system's, None for none.
        user_agent: as for :func:`~.tunnels.through_proxy`.

    Returns:
        the transport.
    """
    loop = asyncio.get_running_loop()
    connect: Any = loop.create_connection
    kwds = dict(given)
    reactor = kwds.pop("reactor", True)
    if wsuri.secure:
        if not kwds.get("ssl"):
            kwds["ssl"] = True
        # RFC 6455 4.1: the host of the URI, wherever the connection goes.
        kwds.setdefault("server_hostname", wsuri.host)
    if kwds.pop("unix", False):
        connect = connector(loop, loop.create_unix_connection, reactor)
    elif kwds.get("sock") is None:
        if proxy is True:
            from ..proxy import get_proxy

            proxy = get_proxy(wsuri)
        if proxy:
            from .tunnels import through_proxy

            connect, kwds = await through_proxy(loop, str(proxy), wsuri, user_agent, kwds)
        else:
            kwds.setdefault("host", wsuri.host)
            kwds.setdefault("port", wsuri.port)
            connect = connector(loop, connect, reactor)
    return await connect_over_tls(loop, connect, protocol, kwds)
