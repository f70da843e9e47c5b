"""
Today's API on asyncio and on trio: what lets one text of a test run on both.

Owns what is different: how a coroutine is started, what shows that nothing happens any more, which
functions are awaited. Tests in modules that are marked ``and_trio`` run on asyncio's event loops
and on trio, if it is there; each function here asks at that moment which of them runs. On both a
peer is awaited.
"""

import asyncio
import builtins
import contextlib
import functools
import importlib
import socket
import ssl
import sys

import peer as by_hand
import pytest
import todays
from beside import on_asyncio
from variants import HAS_TRIO

from websockets.asyncio import client as asyncio_client
from websockets.asyncio import server as asyncio_server

if HAS_TRIO:
    import on_trio

    from websockets.trio import client as trio_client
    from websockets.trio import server as trio_server


ExceptionGroup = on_trio.ExceptionGroup if HAS_TRIO else getattr(builtins, "ExceptionGroup", None)


def runs_on_trio():
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def library():
    """Return the module that opens connections."""
    return on_trio if runs_on_trio() else todays


def run_on_trio(function, arguments, autojump):
    """Run a test, a coroutine function, on trio; with a clock that takes no time, if wanted."""
    on_trio.on_trio(function, autojump=autojump)(**arguments)


def now():
    """Return the time in seconds, of the clock that the test has."""
    return on_trio.trio.current_time() if runs_on_trio() else asyncio.get_running_loop().time()


async def sleep(seconds):
    """Let time pass, in a test that is given a clock."""
    await (on_trio.trio.sleep if runs_on_trio() else asyncio.sleep)(seconds)


def started(coroutine):
    """Run a coroutine in the background; it may be awaited and cancelled."""
    return on_trio.Started(coroutine) if runs_on_trio() else asyncio.ensure_future(coroutine)


async def turns():
    """Let everything come to rest: to see that nothing happens any more."""
    await (on_trio if runs_on_trio() else by_hand).turns()


async def until(condition):
    await (on_trio if runs_on_trio() else by_hand).until(condition)


# The name of close(), by runs_on_trio().
CLOSE_METHOD = {False: "close", True: "aclose"}


async def close(connection, *arguments, **options):
    """Close a connection, or a server."""
    closing = getattr(connection, CLOSE_METHOD[runs_on_trio()])(*arguments, **options)
    await (connection.wait_closed() if closing is None else closing)


async def answered(pong):
    """Wait for the answer to a ping, given what ``ping()`` returned."""
    await (pong.wait() if runs_on_trio() else pong)


def has_groups():
    """Tell whether broadcast() can raise groups of exceptions: on asyncio from Python 3.11 on."""
    return runs_on_trio() or sys.version_info >= (3, 11)


async def broadcast(*arguments, **options):
    if runs_on_trio():
        return await trio_server.broadcast(*arguments, **options)
    return asyncio_server.broadcast(*arguments, **options)


class Dripping:
    """A message in fragments that come when a test says so; None is the end."""

    def __init__(self):
        if runs_on_trio():
            sender, receiver = on_trio.trio.open_memory_channel(10)
            self.put, self._next = sender.send_nowait, receiver.receive
        else:
            queue = asyncio.Queue()
            self.put, self._next = queue.put_nowait, queue.get

    def __aiter__(self):
        return self

    async def __anext__(self):
        item = await self._next()
        if item is None:
            raise StopAsyncIteration
        return item


class AwaitedPeer:
    """A peer on asyncio, which is awaited as one on trio is."""

    def __init__(self, peer):
        self._peer = peer

    def __getattr__(self, name):
        return getattr(self._peer, name)

    async def write(self, data):
        self._peer.write(data)

    async def send(self, *arguments, **options):
        self._peer.send(*arguments, **options)

    async def write_eof(self):
        """End this side of TCP."""
        self._peer.writer.write_eof()

    async def end(self):
        """Answer the close frame that comes, and end TCP."""
        await todays.end(self._peer)


@contextlib.asynccontextmanager
async def awaited(opening):
    async with opening as (connection, peer):
        yield connection, AwaitedPeer(peer)


def client_and_peer(**options):
    """Our client's end of an open connection, and the peer that is its server."""
    if runs_on_trio():
        return on_trio.client_and_peer(**options)
    return awaited(todays.client_and_peer(**options))


def server_and_peer(*arguments, **options):
    """Our server's end of an open connection, and the peer that is its client."""
    if runs_on_trio():
        return on_trio.server_and_peer(*arguments, **options)
    return awaited(todays.server_and_peer(*arguments, **options))


def both_ends(*arguments, **options):
    """Our server's end and our client's end of a connection."""
    return library().both_ends(*arguments, **options)


def is_client(connection):
    """Tell whether a parameter of both_sides is the client's side."""
    return connection is client_and_peer


SIDES = {"server": server_and_peer, "client": client_and_peer}
both_sides = pytest.mark.parametrize("connection", SIDES.values(), ids=SIDES)


# Clients and servers


def connect(*arguments, **options):
    return client_module().connect(*arguments, **options)


@contextlib.asynccontextmanager
async def entered(connecting):
    """Open a connection, and end it without the peer's help."""
    async with connecting as ws:
        try:
            yield ws
        finally:
            await leave(ws)


async def follow(connecting):
    """Return a connection that was opened, and has ended."""
    async with entered(connecting) as ws:
        return ws


def port_of(server):
    return (on_trio if runs_on_trio() else by_hand).port_of(server)


def uri_of(server, path="/", scheme="ws", host="127.0.0.1"):
    return f"{scheme}://{host}:{port_of(server)}{path}"


@contextlib.asynccontextmanager
async def listening(function, *arguments, **options):
    """Run what serve() or route() starts, on a socket of this machine."""
    if runs_on_trio():
        async with on_trio.trio.open_nursery() as nursery:
            if "listeners" not in options:
                options = {"port": 0, "host": "127.0.0.1", **options}
            server = await nursery.start(functools.partial(function, *arguments, **options))
            try:
                yield server
            finally:
                nursery.cancel_scope.cancel()
    else:
        if "sock" not in options:
            options = {"port": 0, "host": "127.0.0.1", **options}
        async with function(*arguments, **options) as server:
            yield server


def serving(handler, **options):
    """A server on a socket of this machine."""
    return listening(server_module().serve, handler, **options)


async def refuses_to_serve(handler, **options):
    """Call serve(), which tells at once what is wrong: on asyncio nothing need be awaited."""
    if runs_on_trio():
        await trio_server.serve(handler, 0, **options)
    else:
        asyncio_server.serve(handler, "127.0.0.1", 0, **options)


def serving_at(path, handler, **options):
    """A server on a Unix socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    if not runs_on_trio():
        return serving(handler, sock=sock, **options)
    sock.listen()
    listener = on_trio.trio.SocketListener(on_trio.trio.socket.from_stdlib_socket(sock))
    return serving(handler, listeners=[listener], **options)


def carrier_to(server):
    """Return the option of connect() that is a way to a server, and the word for that."""
    listens = (server.listeners[0].socket if runs_on_trio() else server.sockets[0]).getsockname()
    sock = socket.socket(socket.AF_UNIX if isinstance(listens, str) else socket.AF_INET)
    sock.connect(listens)
    if not runs_on_trio():
        sock.setblocking(False)
        return {"sock": sock}, "socket"
    sock = on_trio.trio.socket.from_stdlib_socket(sock)
    return {"stream": on_trio.trio.SocketStream(sock)}, "stream"


@contextlib.asynccontextmanager
async def tcp_to(server, context=None):
    """A peer connected to a server on this machine; with TLS if there is a context."""
    port = port_of(server)
    if not runs_on_trio():
        options = {} if context is None else {"ssl": context, "server_hostname": "localhost"}
        async with by_hand.tcp_to(port, **options) as peer:
            yield AwaitedPeer(peer)
        return
    peer = await on_trio.tcp_to(port)
    if context is not None:
        peer.stream = on_trio.trio.SSLStream(peer.stream, context, server_hostname="localhost")
    async with peer:
        yield peer


@contextlib.asynccontextmanager
async def proxy_of(kind, *arguments, **options):
    """A proxy, which runs on asyncio."""
    if runs_on_trio():
        with on_asyncio(lambda: kind(*arguments, **options)) as proxy:
            yield proxy
    else:
        async with kind(*arguments, **options) as proxy:
            yield proxy


def time_outs():
    """Return what is behind the TimeoutError of a client."""
    return on_trio.trio.TooSlowError if runs_on_trio() else (TimeoutError, asyncio.TimeoutError)


def tls_failures():
    """Return what a client raises that doesn't trust a certificate."""
    return on_trio.trio.BrokenResourceError if runs_on_trio() else ssl.SSLCertVerificationError


def answering(*responses):
    """A server that answers each connection with the next of these responses."""
    return library().answering(*responses)


def accepting_by(accept):
    """A server that has each peer accepted by a function."""
    if runs_on_trio():
        return on_trio.listening(accept)
    return by_hand.listening(lambda peer: accept(AwaitedPeer(peer)))


async def leave(ws):
    """End a connection without the peer's help."""
    if runs_on_trio():
        await ws.stream.aclose()
    else:
        ws.transport.abort()
    await ws.wait_closed()


async def cut(ws):
    """End TCP below TLS, without a word."""
    if runs_on_trio():
        await ws.stream.transport_stream.aclose()
    else:
        ws.transport.abort()


def request_of(uri, **options):
    """Return the lines of a client's request, without the key."""
    return library().request_of(uri, **options)


def failing(response, **options):
    """Return what a client makes of such a response."""
    return library().failing(response, **options)


def responses(*requests, **options):
    """Return what a server answers to requests: heads and bodies; and the lines of its log."""
    return library().responses(*requests, **options)


async def response(request, **options):
    """Return what a server answers: status, headers, body; and what its log says of that."""
    [(head, body)], lines = await responses(request, **options)
    lines = [line for line in lines if "server " not in line]
    return int(head.split()[1]) if head else None, head.split("\r\n")[1:-2], body, lines


def client_module():
    return trio_client if runs_on_trio() else asyncio_client


def server_module():
    return trio_server if runs_on_trio() else asyncio_server


def router_module():
    """Return the module with route(), which needs werkzeug."""
    return importlib.import_module(f"websockets.{'trio' if runs_on_trio() else 'asyncio'}.router")


async def never():
    """Wait for ever."""
    await (on_trio.trio.sleep_forever() if runs_on_trio() else asyncio.Event().wait())


async def pause():
    """Wait for a turn."""
    await (on_trio.trio.sleep(0) if runs_on_trio() else asyncio.sleep(0))


def either_kind(function):
    """Parametrize a test by functions and coroutine functions."""

    def plain(answer):
        return answer

    def coroutine(answer):
        async def process(*args):
            await pause()
            return answer(*args)

        return process

    return pytest.mark.parametrize("kind", [plain, coroutine])(function)
