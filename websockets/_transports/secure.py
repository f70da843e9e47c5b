"""
Servers and clients over TLS: which of them use our own, of ``handshakes.py`` and ``tls.py``.

Owns the arguments about TLS that ``serve()`` and ``connect()`` have in common with the event loop's
methods. Must never know a record. Key decision: what the layer can't do as the event loop would is
left to the event loop, so that nothing is done differently in silence.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .handshakes import Handshake, Handshakes
from .tls import TLSLayer
from .trust import own_context, shared_context

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

__all__ = ["connect_over_tls", "served_over_tls"]


# As for connections: asyncio's loop takes both for buffered protocols, uvloop for the other kind.
class Shaking(Handshake, asyncio.Protocol, asyncio.BufferedProtocol):
    """The TLS handshake of one connection, as asyncio's classes describe protocols."""


class Layer(TLSLayer, asyncio.Protocol, asyncio.BufferedProtocol):
    """
    TLS on one connection, as asyncio's classes describe protocols, and transports.

    What is compiled can't have asyncio's transports as a base, only say that it is one.
    """

    __slots__ = ()
    __class__ = property(lambda self: asyncio.Transport)


def time_limit(kwds: dict[str, Any], name: str, default: float) -> float:
    """Take a time limit out of the arguments of an event loop's method."""
    seconds: Optional[float] = kwds.pop(name, None)
    if seconds is not None and seconds <= 0:
        raise ValueError(f"{name} should be a positive number, not {seconds}")
    return default if seconds is None else seconds


def time_limits(kwds: dict[str, Any]) -> tuple[float, float]:
    """Take out those for the TLS handshake, and for the end of TLS."""
    return (
        time_limit(kwds, "ssl_handshake_timeout", 60.0),
        time_limit(kwds, "ssl_shutdown_timeout", 30.0),
    )


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
    timeout, shutdown_timeout = time_limits(kwds)

    def make() -> Shaking:
        return Shaking(
            loop,
            factory(),
            context,
            functools.partial(Layer, shutdown_timeout=shutdown_timeout),
            handshakes.begun,
            handshakes.ended,
            server_side=True,
            hostname=None,
            timeout=timeout,
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
    timeout, shutdown_timeout = time_limits(kwds)
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

    def ended(handshake: Handshake, exc: Optional[Exception]) -> None:
        if opened is None or opened.done():
            return
        if exc is None:
            opened.set_result(handshake.layer)
        else:
            opened.set_exception(exc)
            opened.exception()  # Nobody asks if connecting is cancelled at the same time.

    handshake = Shaking(
        loop,
        protocol,
        context,
        functools.partial(
            Layer,
            shutdown_timeout=shutdown_timeout,
            own_context=own_context if shared else None,
        ),
        lambda handshake: None,
        ended,
        server_side=False,
        hostname=hostname or None,
        timeout=timeout,
    )
    await connect(lambda: handshake, **kwds)
    try:
        return await opened
    except BaseException:
        handshake.abort()
        raise
    finally:
        # It would keep its exception, whose traceback refers to this frame.
        opened = None
