"""
Connections of today's API, with a peer that speaks by hand on the other side, or with one another.

Owns how such connections are opened for a test. The peer is peer.py's.
"""

import asyncio
import contextlib
import logging
import types

import pytest
from peer import REQUEST, Peer, listening, port_of, tcp_to, until

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.utils import accept_key


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def hold(connection):
    await connection.wait_closed()


def uri_of(server, path="/"):
    return f"ws://127.0.0.1:{port_of(server)}{path}"


def secure(uri):
    """Return a URI for TLS, with the name that certificates are for."""
    return uri.replace("ws://127.0.0.1", "wss://localhost")


def key_of(head):
    """Return the key in the head of a request."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name.lower() == b"sec-websocket-key":
            return value.decode()
    raise AssertionError("there is no key")


def accepting(head, *headers):
    """Return the response that opens a connection, given the head of the request."""
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key_of(head))}",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@contextlib.asynccontextmanager
async def client_and_peer(**options):
    """Our client's end of an open connection, and the peer that is its server."""
    accepted = asyncio.get_running_loop().create_future()
    finished = asyncio.Event()

    async def accept(peer):
        peer.write(accepting(await peer.read_head()))
        accepted.set_result(peer)
        await finished.wait()

    options.setdefault("compression", None)
    async with listening(accept) as server:
        connection = await connect(uri_of(server), **options)
        try:
            yield connection, await accepted
        finally:
            finished.set()
            connection.transport.abort()
            await connection.wait_closed()


@contextlib.asynccontextmanager
async def server_and_peer(handler=None, headers=b"", **options):
    """Our server's end of an open connection, and the peer that is its client."""
    opened = asyncio.Queue()
    finished = asyncio.Event()

    async def handle(connection):
        opened.put_nowait(connection)
        if handler is None:
            await finished.wait()
        else:
            await handler(connection)

    options.setdefault("compression", None)
    async with serve(handle, "127.0.0.1", 0, **options) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + headers + b"\r\n")
            await peer.read_head()
            connection = await opened.get()
            try:
                yield connection, peer
            finally:
                finished.set()
                connection.transport.abort()


@contextlib.asynccontextmanager
async def both_ends(server_options=None, **client_options):
    """Our server's end and our client's end of a connection."""
    opened = asyncio.Queue()

    async def handler(connection):
        opened.put_nowait(connection)
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, **(server_options or {})) as server:
        uri = secure(uri_of(server)) if "ssl" in client_options else uri_of(server)
        async with connect(uri, **client_options) as client:
            yield await opened.get(), client


@contextlib.asynccontextmanager
async def answering(*responses):
    """
    A server that answers each connection with the next of these responses, and waits for its end.

    The last one is repeated. A response is bytes, or a function of the head of the request; the
    requests are in the attribute ``requests`` of what this gives.
    """
    requests, left = [], list(responses)

    async def accept(peer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await answer(peer)

    async def answer(peer):
        head = await peer.read_head()
        requests.append(head)
        response = left.pop(0) if len(left) > 1 else left[0]
        peer.write(response(head) if callable(response) else response)
        await peer.read_eof()

    async with listening(accept) as server:
        yield types.SimpleNamespace(sockets=server.sockets, requests=requests)


def lines_of(requests, port):
    """Return the lines of the only request, without the key and the port."""
    [head] = requests
    lines = head.decode().replace(str(port), "PORT").split("\r\n")
    return ["Sec-WebSocket-Key" if "-Key: " in line else line for line in lines[:-2]]


async def request_of(uri, **options):
    """Return the lines of the request, without the key."""
    async with answering(accepting) as server:
        ws = await connect(uri.format(port_of(server)), proxy=None, **options)
        ws.transport.abort()
        await ws.wait_closed()
        return lines_of(server.requests, port_of(server))


async def failing(response, **options):
    """Return what a client makes of such a response."""
    async with answering(response) as server:
        with pytest.raises(Exception) as raised:
            await connect(uri_of(server), **options)
    return raised.value


async def responses(*requests, handler=hold, **options):
    """Return what a server answers to requests: heads and bodies; and the lines of its log."""
    records, answers = Records(), []
    async with serve(handler, "127.0.0.1", 0, logger=records.logger, **options) as server:
        for request in requests:
            async with tcp_to(port_of(server)) as peer:
                peer.write(request)
                head = b""
                if not options.get("silent"):
                    try:
                        head = await peer.read_head()
                    except asyncio.IncompleteReadError as exc:
                        head = exc.partial
                    except ConnectionError:
                        pass  # The server hadn't read all when it ended TCP.
                body = b"" if b" 101 " in head else await peer.read_eof()
                answers.append((head.decode("latin1"), body))
        await until(lambda: not server.connections)
    return answers, records.lines


def is_client(connection):
    """Tell whether a parameter of both_sides is the client's side."""
    return connection is client_and_peer


async def end(peer):
    """Answer the close frame that comes, and end TCP."""
    byte0, payload = await peer.read()
    while byte0 != 0x88:
        byte0, payload = await peer.read()
    peer.send(8, payload)
    await peer.close()


async def closed(ws):
    await ws.wait_closed()
    assert ws.state.name == "CLOSED"


class Records(logging.Handler):
    """A logger of its own, and what it was told: pairs of level and message."""

    def __init__(self, level=logging.INFO):
        super().__init__()
        self.records = []
        self.logger = logging.Logger("of a test", level)
        self.logger.addHandler(self)

    def emit(self, record):
        self.records.append(record)

    @property
    def lines(self):
        return [f"{record.levelname} {record.getMessage()}" for record in self.records]


SIDES = {"server": server_and_peer, "client": client_and_peer}
both_sides = pytest.mark.parametrize("connection", SIDES.values(), ids=SIDES)

__all__ = [
    "Peer",
    "Records",
    "accepting",
    "answering",
    "both_ends",
    "both_sides",
    "client_and_peer",
    "closed",
    "echo",
    "end",
    "failing",
    "hold",
    "is_client",
    "key_of",
    "lines_of",
    "request_of",
    "responses",
    "secure",
    "server_and_peer",
    "uri_of",
]
