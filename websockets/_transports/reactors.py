"""
Transports of our own, compiled: where they are used, and how connections get them.

Owns the one list of what they are known to work with, and the reactor of each event loop, which
watches all their sockets as one descriptor. Must never know what is carried. Key decisions: sockets
come from the event loop's own methods, bound or connected, and are taken from there on; what isn't
on the list, and who asks for it, gets the event loop's transports, whose behaviour this has.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import socket
from asyncio.trsock import TransportSocket
from typing import Any, Callable

from .._core import REACTOR_AVAILABLE, Link, Listener, Reactor
from .running import task_of
from .verdicts import read_by, set_read_by

__all__ = ["connector", "listen"]

LOOPS = {("asyncio.unix_events", "_UnixSelectorEventLoop"), ("uvloop", "Loop")}
CONNECTING = {"family", "flags", "host", "path", "port", "proto"}
BACKLOG = 100  # connections that wait to be accepted, as event loops have it


class Dressing:
    """What a link looks like to programs that know asyncio."""

    transport = asyncio.Transport

    @staticmethod
    def socket_of(descriptor: int) -> tuple[Any, Any]:
        """Return a duplicate of a socket, as a program gets it, and as it is closed."""
        if descriptor < 0:
            sock = socket.socket()
            sock.close()
        else:
            sock = socket.socket(fileno=os.dup(descriptor))
        return TransportSocket(sock), sock


def reactor_of(loop: Any, wanted: Any) -> Any:
    """Return the reactor of an event loop, None if connections shouldn't use it."""
    if not (REACTOR_AVAILABLE and wanted) or loop.get_debug():
        return None
    if os.environ.get("WEBSOCKETS_NO_REACTOR", "") not in ("", "0"):
        return None
    if (type(loop).__module__, type(loop).__qualname__) not in LOOPS:
        return None
    if hasattr(loop, "_nest_patched"):
        # It can be run inside of itself (nest_asyncio); but no callback can, of which this has one.
        return None
    reactor = read_by(loop)
    if reactor is None:
        # uvloop's own transports send when the loop turns; asyncio's, at once.
        reactor = Reactor(loop, task_of, type(loop).__module__ == "uvloop")
        # It would be run in the context of whoever was the first, and keep that.
        contextvars.Context().run(loop.add_reader, reactor.fileno(), reactor.run)
        # It lives as long as the loop that watches it, or as one of its connections.
        set_read_by(loop, reactor)
    return reactor


# Servers


class Listening(asyncio.AbstractServer):
    """
    A server whose sockets are the event loop's, while connections are accepted here.

    Arguments:
        loop: the event loop.
        server: its server, which doesn't serve.
        listeners: what accepts.
    """

    def __init__(self, loop: Any, server: Any, listeners: list[Any]) -> None:
        self._loop = loop
        self._server = server
        self._listeners = listeners
        self._serving = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop."""
        loop: asyncio.AbstractEventLoop = self._loop
        return loop

    @property
    def sockets(self) -> Any:
        """The sockets, none once it is closed."""
        return self._server.sockets

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._serving

    async def start_serving(self) -> None:
        """Accept connections."""
        if not self._serving:
            self._serving = True
            for listener in self._listeners:
                listener.start()

    async def serve_forever(self) -> None:
        """Accept connections until this is cancelled, and close then."""
        await self.start_serving()
        try:
            await self._loop.create_future()
        finally:
            self.close()
            await self.wait_closed()

    def close(self) -> None:
        """Accept no more, and close the sockets."""
        self._serving = False
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        self._server.close()

    def close_clients(self) -> None:
        """Do nothing: whoever made this knows its connections, and closes them."""

    abort_clients = close_clients

    async def wait_closed(self) -> None:
        """Wait until the sockets are closed."""
        await self._server.wait_closed()


async def listen(loop: Any, factory: Callable[[], Any], given: dict[str, Any]) -> Any:
    """
    Listen for connections.

    Arguments:
        loop: the event loop.
        factory: makes protocols.
        given: arguments of its ``create_server()``; with ``unix`` set, of ``create_unix_server()``;
            with ``reactor``, whether this may be done here.

    Returns:
        a server, as these methods do.
    """
    kwds = dict(given)
    create = loop.create_unix_server if kwds.pop("unix", False) else loop.create_server
    reactor = reactor_of(loop, kwds.pop("reactor", True))
    if reactor is None or kwds.get("ssl") is not None:
        return await create(factory, **kwds)
    start = kwds.pop("start_serving", True)
    server = await create(factory, start_serving=False, **kwds)
    backlog = kwds.get("backlog", BACKLOG)
    context = contextvars.copy_context()
    listening = Listening(
        loop,
        server,
        [
            Listener(reactor, loop, sock, backlog, factory, context, Dressing)
            for sock in server.sockets
        ],
    )
    if start:
        try:
            await listening.start_serving()
        except BaseException:
            listening.close()
            raise
    return listening


# Clients


def connector(loop: Any, usual: Callable[..., Any], wanted: Any) -> Callable[..., Any]:
    """
    Return what connects as an event loop's ``create_connection()`` or ``create_unix_connection()``
    does, by links where that can be.

    Arguments:
        loop: the event loop.
        usual: that method.
        wanted: whether this may be done here.
    """
    reactor = reactor_of(loop, wanted)
    if reactor is None:
        return usual

    async def connect(factory: Callable[[], Any], **kwds: Any) -> Any:
        # None says the same as if it weren't there, as in ssl=None.
        given = {name: value for name, value in kwds.items() if value is not None}
        # Where nothing says whereto, the loop's own method knows what to say.
        if not given.keys() <= CONNECTING or given.keys().isdisjoint({"host", "path"}):
            return await usual(factory, **kwds)
        sock = await connected(loop, **given)
        protocol = factory()
        link = Link(reactor, loop, sock.detach(), contextvars.copy_context(), Dressing)
        try:
            link.begin(protocol)
        except BaseException:
            link.drop()
            raise
        return link, protocol

    return connect


async def connected(
    loop: Any,
    host: Any = None,
    port: Any = None,
    path: Any = None,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
) -> socket.socket:
    """Return a socket that is connected, to the first address that takes it."""
    if path is not None:
        return await attempt(loop, socket.AF_UNIX, 0, os.fspath(path))
    addresses = literal(host, port, family, proto) or await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
    )
    if not addresses:
        raise OSError("getaddrinfo() returned empty list")
    failures: list[OSError] = []
    try:
        for family, _, proto, _, address in addresses:
            try:
                return await attempt(loop, family, proto, address)
            except OSError as exc:
                failures.append(exc)
        if len({str(exc) for exc in failures}) == 1:
            raise failures[0]
        raise OSError(f"Multiple exceptions: {', '.join(str(exc) for exc in failures)}")
    finally:
        # Their tracebacks refer to this frame.
        failures.clear()


def literal(host: Any, port: Any, family: int, proto: int) -> list[Any]:
    """Return where a host is whose name is an address, for which no thread has to ask."""
    if isinstance(host, str) and isinstance(port, int):
        for kind, rest in ((socket.AF_INET, ()), (socket.AF_INET6, (0, 0))):
            if family in (socket.AF_UNSPEC, kind):
                try:
                    socket.inet_pton(kind, host)
                except (OSError, ValueError):
                    continue
                return [(kind, socket.SOCK_STREAM, proto, "", (host, port, *rest))]
    return []


async def attempt(loop: Any, family: int, proto: int, address: Any) -> socket.socket:
    """Connect a socket to an address."""
    sock = socket.socket(family, socket.SOCK_STREAM, proto)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except OSError as exc:
        sock.close()
        if exc.errno is None or family == socket.AF_UNIX:
            raise
        # As the event loops have it: which of several addresses it was.
        raise OSError(exc.errno, f"Connect call failed {address}") from None
    except BaseException:
        sock.close()
        raise
    return sock
