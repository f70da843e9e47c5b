"""
Servers and clients over TLS: which of them use the layer of ``tls.py``, and with what.

Owns the arguments about TLS that ``serve()`` and ``connect()`` have in common with the event loop's
methods. Must never know a record. Key decision: what the layer can't do as the event loop would is
left to the event loop, so that nothing is done differently in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .handshakes import Handshakes
from .tls import TLSLayer
from .trust import own_context, shared_context

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

__all__ = ["connect_over_tls", "served_over_tls"]


# As for connections: asyncio's loop takes it for a buffered protocol and uvloop for the other kind.
class Layer(TLSLayer, asyncio.Protocol, asyncio.BufferedProtocol, asyncio.Transport):
    """TLS on one connection, as asyncio's classes describe protocols and transports."""


def timeouts(kwds: dict[str, Any]) -> dict[str, Any]:
    """Take the time limits out of the arguments of an event loop's method."""
    limits = {}
    for name, default in (("handshake_timeout", 60.0), ("shutdown_timeout", 30.0)):
        seconds = kwds.pop(f"ssl_{name}", None)
        if seconds is not None and seconds <= 0:
            raise ValueError(f"ssl_{name} should be a positive number, not {seconds}")
        limits[name] = default if seconds is None else seconds
    return limits


def served_over_tls(
    loop: asyncio.AbstractEventLoop,
    factory: Callable[[], Any],
    kwds: dict[str, Any],
    handshakes: Handshakes,
) -> tuple[Callable[[], Any], dict[str, Any]]:
    """
    Put TLS under the protocols of a server.

    Arguments:
        loop: the event loop.
        factory: makes protocols.
        kwds: arguments of ``create_server()``.
        handshakes: where handshakes that aren't complete are kept.

    Returns:
        the factory and the arguments that ``create_server()`` should be given instead.
    """
    context = kwds.get("ssl")
    if ssl is None or not isinstance(context, ssl.SSLContext):
        return factory, kwds
    kwds = {name: value for name, value in kwds.items() if name != "ssl"}
    limits = timeouts(kwds)

    def make() -> Layer:
        return Layer(
            loop,
            factory(),
            context,
            handshakes.begun,
            handshakes.ended,
            server_side=True,
            hostname=None,
            **limits,
        )

    # A context that can't serve is better refused now than at every connection.
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), True)
    return make, kwds


async def connect_over_tls(
    loop: asyncio.AbstractEventLoop,
    connect: Callable[..., Awaitable[Any]],
    protocol: Any,
    kwds: dict[str, Any],
) -> Any:
    """
    Connect, by TLS if the arguments say so.

    Arguments:
        loop: the event loop.
        connect: its method that connects.
        protocol: the protocol. It is there before the connection is, so that nothing of a
            program's, nor a wrong argument, can fail while a socket is open.
        kwds: arguments of that method.

    Returns:
        the transport.
    """
    context = kwds.get("ssl")
    if ssl is None or not (context is True or isinstance(context, ssl.SSLContext)):
        transport, _ = await connect(lambda: protocol, **kwds)
        return transport
    kwds = {name: value for name, value in kwds.items() if name != "ssl"}
    limits = timeouts(kwds)
    hostname = kwds.pop("server_hostname", None)
    if hostname is None:
        hostname = kwds.get("host")
        if not hostname:
            raise ValueError("server_hostname must be given for TLS without a host")
    shared = context is True and hostname
    if shared:
        context = shared_context()
    elif context is True:
        context = own_context()
        context.check_hostname = False
    opened: Any = loop.create_future()

    def ended(layer: TLSLayer, exc: Optional[Exception]) -> None:
        if opened is None or opened.done():
            return
        if exc is None:
            opened.set_result(None)
        else:
            opened.set_exception(exc)
            opened.exception()  # Nobody asks if connecting is cancelled at the same time.

    layer = Layer(
        loop,
        protocol,
        context,
        None,
        ended,
        server_side=False,
        hostname=hostname or None,
        own_context=own_context if shared else None,
        **limits,
    )
    await connect(lambda: layer, **kwds)
    try:
        await opened
    except BaseException:
        layer.abort()
        raise
    finally:
        # It would keep its exception, whose traceback refers to this frame.
        opened = None
    return layer
