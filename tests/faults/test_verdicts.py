"""
Time limits of a process that was busy for longer than they are: what its peers had sent by then is
read before any of them is given up, however many they are.
"""

import asyncio
import contextlib
import socket
import ssl
import time

import pytest
from links import both_transports, called, read, read_all, read_head
from peer import CLOSE, REQUEST, close_payload, frame, needs_unix, until

import websockets
import websockets.asyncio.client
import websockets.asyncio.server

pytestmark = needs_unix

CROWD = 300  # more than are read while the event loop turns once, even twice
LIMITS = 0.5, 3, 20  # seconds; longer ones if a test can't come to its point within half of them
OPTIONS = {"ping_interval": None, "compression": None}

# The two generations of the API: how a server and a client begin, what makes a server's connections.
FACES = {
    "8.1": (
        websockets.serve,
        websockets.connect,
        "create_protocol",
        websockets.WebSocketServerProtocol,
    ),
    "todays": (
        websockets.asyncio.server.serve,
        websockets.asyncio.client.connect,
        "create_connection",
        websockets.asyncio.server.ServerConnection,
    ),
}

both_faces = pytest.mark.parametrize("face", list(FACES))
both_sides = pytest.mark.parametrize("side", ["server", "client"])

REPLY = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n\r\n"
)


def reply_to(request):
    """Return what a server answers to a request."""
    lines = request.split(b"\r\n")
    keys = [line.split()[1] for line in lines if line.lower().startswith(b"sec-websocket-key")]
    return REPLY % websockets.handshake.accept_key(keys[0].decode()).encode()


class TooLate(Exception):
    """The machine is too busy for this limit."""


class Busy:
    """A limit that is reached while the process is busy."""

    def __init__(self, limit):
        self.limit = limit
        self.begun = time.monotonic()

    def check(self):
        """Go on only if the limit is still far away."""
        if time.monotonic() - self.begun > self.limit / 2:
            raise TooLate

    def begin(self):
        """Be busy until the limit is reached, whenever within the test it has begun."""
        self.check()
        time.sleep(self.limit + 0.1)


async def tried(attempt, *args):
    """Make attempts with ever longer limits."""
    for limit in LIMITS[:-1]:
        with contextlib.suppress(TooLate):
            return await attempt(Busy(limit), *args)
    return await attempt(Busy(LIMITS[-1]), *args)


@contextlib.contextmanager
def peers_of(server, count=CROWD):
    """Sockets of peers, connected to a server."""
    with contextlib.ExitStack() as stack:
        address = server.sockets[0].getsockname()
        yield [stack.enter_context(called(address)) for _ in range(count)]


@contextlib.asynccontextmanager
async def peers_of_clients(connect, count=CROWD, **options):
    """Clients that connect, as tasks, and the sockets of their peers, with the requests."""
    loop = asyncio.get_running_loop()
    tasks, requests = [], {}
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=count))
        listener.setblocking(False)
        uri = f"ws://127.0.0.1:{listener.getsockname()[1]}"

        async def connecting():
            return await connect(uri, proxy=None, **OPTIONS, **options)

        try:
            tasks += [loop.create_task(connecting()) for _ in range(count)]
            for _ in tasks:
                sock = stack.enter_context((await loop.sock_accept(listener))[0])
                sock.setblocking(False)
                requests[sock] = await read_head(sock)
            yield tasks, requests
        finally:
            for task in tasks:
                task.cancel()
            for ws in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(ws, BaseException):
                    ws.transport.abort()
                    await ws.wait_closed()


@both_transports
@both_faces
async def test_requests_that_are_there_are_answered(face, reactor):
    serve, _, name, kind = FACES[face]

    async def attempt(busy):
        begun, opened = [], []

        class Connection(kind):
            def connection_made(self, transport):
                super().connection_made(transport)
                begun.append(self)

        async def handler(ws):
            opened.append(ws)
            time.sleep(0.0005)  # Each takes its time, and so does a turn of the event loop.

        options = {"reactor": reactor, "open_timeout": busy.limit, name: Connection}
        async with serve(handler, "127.0.0.1", 0, backlog=CROWD, **OPTIONS, **options) as server:
            with peers_of(server) as socks:
                await until(lambda: len(begun) == CROWD)
                await asyncio.sleep(0)  # Their tasks begin.
                for sock in socks:
                    sock.send(REQUEST + b"\r\n")
                busy.begin()
                heads = [await read(sock, 12) for sock in socks]
                assert heads == [b"HTTP/1.1 101"] * CROWD
                assert len(opened) == CROWD

    await tried(attempt)


@both_transports
@both_faces
async def test_responses_that_are_there_open_connections(face, reactor):
    async def attempt(busy):
        options = {"reactor": reactor, "open_timeout": busy.limit}
        async with peers_of_clients(FACES[face][1], **options) as (tasks, requests):
            for sock, request in requests.items():
                sock.send(reply_to(request))
            busy.begin()
            await asyncio.gather(*tasks)

    await tried(attempt)


@both_transports
@both_faces
@both_sides
async def test_ends_that_are_there_are_clean(side, face, reactor):
    serve, connect, *_ = FACES[face]

    async def attempt_of_client(busy):
        options = {"reactor": reactor, "close_timeout": busy.limit}
        async with peers_of_clients(connect, **options) as (tasks, requests):
            for sock, request in requests.items():
                sock.send(reply_to(request))
            await end_well(busy, await asyncio.gather(*tasks), list(requests), False)

    async def attempt_of_server(busy):
        connections, done = [], asyncio.Event()

        async def handler(ws):
            connections.append(ws)
            await done.wait()

        options = {"reactor": reactor, "close_timeout": busy.limit}
        async with serve(handler, "127.0.0.1", 0, backlog=CROWD, **OPTIONS, **options) as server:
            with peers_of(server) as socks:
                for sock in socks:
                    sock.send(REQUEST + b"\r\n")
                    await read_head(sock)
                await until(lambda: len(connections) == CROWD)
                try:
                    await end_well(busy, connections, socks, True)
                finally:
                    done.set()

    await tried(attempt_of_client if side == "client" else attempt_of_server)


async def end_well(busy, connections, socks, masked):
    """Have connections closed, and peers that answer while nobody looks."""
    busy.begun = time.monotonic()
    closing = [asyncio.ensure_future(ws.close()) for ws in connections]
    try:
        for sock in socks:
            await read(sock, 4 if masked else 8)
            busy.check()
            sock.send(frame(CLOSE, close_payload(1000), masked=masked))
            sock.shutdown(socket.SHUT_WR)
        busy.begin()
    finally:
        await asyncio.gather(*closing)
    assert [ws.close_code for ws in connections] == [1000] * CROWD
    for ws in connections:
        with pytest.raises(websockets.ConnectionClosedOK):
            await ws.recv()


class Handshake:
    """The client's half of a TLS handshake, over a socket."""

    def __init__(self, context, sock):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.sock = sock
        self.step(b"")

    def step(self, data):
        """Go on with what the server has said; return whether this was the last step."""
        self.incoming.write(data)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            done = False
        else:
            done = True
        self.sock.send(self.outgoing.read())
        return done

    def send(self, data):
        """Send something behind it."""
        self.tls.write(data)
        self.sock.send(self.outgoing.read())


@both_transports
async def test_tls_handshakes_whose_last_bytes_are_there_are_completed(reactor, certificates):
    loop = asyncio.get_running_loop()
    count = 150  # more than are read while the event loop turns once

    async def attempt(busy):
        opened = []

        async def handler(ws):
            opened.append(ws)

        limits = {"ssl_handshake_timeout": busy.limit, "open_timeout": None, "backlog": count}
        options = {**OPTIONS, **limits, "ssl": certificates.server_context(), "reactor": reactor}
        async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
            context = certificates.client_context()
            with peers_of(server, count) as socks:
                handshakes = [Handshake(context, sock) for sock in socks]
                for handshake in handshakes:
                    while not handshake.step(await loop.sock_recv(handshake.sock, 65536)):
                        pass
                busy.begin()
                for handshake in handshakes:
                    handshake.send(REQUEST + b"\r\n")
                await until(lambda: len(opened) == count)

    await tried(attempt)


@pytest.mark.one_loop  # uvloop takes seconds for whatever else happens beside such a crowd
@both_transports
@both_faces
async def test_whoever_is_silent_is_given_up_in_a_crowd_that_is_not(face, reactor):
    serve = FACES[face][0]
    tasks = []

    async def handler(ws):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for message in ws:
                await ws.send(message)

    async def talk(sock):
        loop = asyncio.get_running_loop()
        sock.send(REQUEST + b"\r\n")
        await read_head(sock)
        while True:
            await loop.sock_sendall(sock, frame(1, b"again", masked=True))
            await read(sock, 7)

    options = {**OPTIONS, "reactor": reactor, "open_timeout": 0.5, "backlog": CROWD}
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        with peers_of(server) as socks, called(server.sockets[0].getsockname()) as silent:
            tasks += [asyncio.ensure_future(talk(sock)) for sock in socks]
            try:
                said = await read_all(silent)
                assert said[:12] == (b"HTTP/1.1 408" if face == "8.1" else b"")
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
