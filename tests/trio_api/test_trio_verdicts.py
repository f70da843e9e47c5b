"""
Time limits on trio, of a process that was busy for longer than they are: what its peers had sent by
then is read before any of them is given up.
"""

import contextlib
import socket
import time

from on_trio import on_trio, port_of, serving, trio, turns
from peer import CLOSE, REQUEST, close_payload, frame

import websockets
from websockets.trio.client import connect

CROWD = 50
LIMITS = 0.5, 3, 20  # seconds; longer ones if a test can't come to its point within half of them


class TooLate(Exception):
    """The machine is too busy for this limit."""


async def tried(attempt):
    """Make attempts with ever longer limits."""
    for limit in LIMITS[:-1]:
        with contextlib.suppress(TooLate):
            return await attempt(limit)
    return await attempt(LIMITS[-1])


def check(limit, since):
    """Go on only if the limit is still far away."""
    if time.monotonic() - since > limit / 2:
        raise TooLate


def peers(stack, port):
    """Connect sockets that a peer by hand reads and writes."""
    for _ in range(CROWD):
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        sock.setblocking(False)
        yield sock


async def read(sock, size):
    """Read so many bytes, or less at the end."""
    data = b""
    while len(data) < size:
        await trio.lowlevel.wait_readable(sock)
        some = sock.recv(size - len(data))
        if not some:
            break
        data += some
    return data


async def read_head(sock):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        some = await read(sock, 1)
        assert some, data
        data += some
    return data


def reply_to(request):
    """Return what a server answers to a request."""
    lines = request.split(b"\r\n")
    keys = [line.split()[1] for line in lines if line.lower().startswith(b"sec-websocket-key")]
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n\r\n"
    ) % websockets.handshake.accept_key(keys[0].decode()).encode()


async def hold(connection):
    await connection.wait_closed()


@on_trio
async def test_requests_that_are_there_are_answered():
    async def attempt(limit):
        async with serving(hold, open_timeout=limit, compression=None, backlog=CROWD) as server:
            with contextlib.ExitStack() as stack:
                since = time.monotonic()
                socks = list(peers(stack, port_of(server)))
                await turns()
                assert len(server.all_connections) == CROWD
                for sock in socks:
                    sock.send(REQUEST + b"\r\n")
                check(limit, since)
                time.sleep(limit + 0.1)
                assert [await read(sock, 12) for sock in socks] == [b"HTTP/1.1 101"] * CROWD

    await tried(attempt)


@on_trio
async def test_responses_that_are_there_open_connections():
    async def attempt(limit):
        opened = []
        busy = False

        async def connecting():
            uri = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            options = {"open_timeout": limit, "close_timeout": 0.1, "ping_interval": None}
            async with connect(uri, proxy=None, **options) as connection:
                opened.append(connection)

        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=CROWD))
            listener.setblocking(False)
            since = time.monotonic()
            try:
                async with trio.open_nursery() as nursery:
                    for _ in range(CROWD):
                        nursery.start_soon(connecting)
                    requests = {}
                    for _ in range(CROWD):
                        await trio.lowlevel.wait_readable(listener)
                        sock = stack.enter_context(listener.accept()[0])
                        sock.setblocking(False)
                        requests[sock] = await read_head(sock)
                    for sock, request in requests.items():
                        sock.send(reply_to(request))
                    check(limit, since)
                    busy = True
                    time.sleep(limit + 0.1)
            except Exception:
                if not busy:
                    raise TooLate from None
                raise
            assert len(opened) == CROWD

    await tried(attempt)


@on_trio
async def test_ends_that_are_there_are_clean():
    async def attempt(limit):
        connections = []
        closing = trio.Event()

        async def handler(connection):
            connections.append(connection)
            await closing.wait()

        async with serving(handler, close_timeout=limit, ping_interval=None) as server:
            with contextlib.ExitStack() as stack:
                socks = list(peers(stack, port_of(server)))
                for sock in socks:
                    sock.send(REQUEST + b"\r\n")
                    await read_head(sock)
                await turns()
                assert len(connections) == CROWD
                since = time.monotonic()
                closing.set()
                for sock in socks:
                    assert len(await read(sock, 4)) == 4
                    check(limit, since)
                    sock.send(frame(CLOSE, close_payload(1000), masked=True))
                    sock.shutdown(socket.SHUT_WR)
                check(limit, since)
                time.sleep(limit + 0.1)
                for connection in connections:
                    await connection.wait_closed()
                    error = connection.protocol.close_exc
                    assert isinstance(error, websockets.ConnectionClosedOK)

    await tried(attempt)
