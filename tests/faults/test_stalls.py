"""
Networks and peers that fall silent: nothing arrives any more, nothing is read, nobody is told.

The deadlines that are documented release everybody; they are the only way out here, and so the clock
is the test's. Over sockets, the last test sees that they do the same there.
"""

import asyncio

import proxy
import pytest
from dialogue import MESSAGES, ends
from peer import hold, port_of, turns
from proxy import Way, ended, link, nothing_left
from virtual_dialogue import (
    CLOSING,
    DEADLINES,
    KEEPALIVE,
    OPENING,
    contexts,
    converse,
    no_connection_left,
    uri_with,
    virtually,
)

import websockets

STEP = 11  # bytes from one stall to the next; frames are shorter, and so each is hit

# At any moment of a conversation


def fall_silent(end):
    """Let nothing through any more, in either direction; nobody is told."""
    end.dead = end.peer.dead = True


def silent_after(direction, count):
    def disturb(up, down):
        {"up": up, "down": down}[direction].break_after(count, fall_silent)

    return disturb


def noticed(had):
    """Tell whether a conversation ended in the time that keepalive may take to notice."""
    return KEEPALIVE < had.took < KEEPALIVE + 2 * CLOSING


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_network_that_falls_silent_at_any_moment(direction, caplog):
    clean = virtually(converse)
    assert (clean.code, clean.received, clean.took) == (1000, MESSAGES, 0)
    found = ends(getattr(clean, direction))
    head, last, total = found[0][0], found[-2][0], found[-1][0]
    frames = {end for end, _ in found[:-1]}
    with no_connection_left():
        for position in sorted({*range(0, total, STEP), *frames} - {head}):
            had = virtually(converse, silent_after(direction, position))
            assert had.received == MESSAGES[: len(had.received)]
            if position < head:
                codes = (None, None if direction == "up" else 1006)
            elif position <= last or direction == "up":
                codes = (1006, 1006)
            else:
                codes = (1006, 1000)
            assert (had.code, had.server_code) == codes, position
            # It is keepalive that notices, until the client closes, at last.
            if had.server_code == 1006:
                assert noticed(had)
            else:
                assert had.took < OPENING + 2 * CLOSING
    assert not caplog.records


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_network_that_falls_silent_under_tls(direction, certificates, caplog):
    tls = certificates.server_context(), certificates.client_context()
    clean = virtually(converse, None, tls)
    assert (clean.code, clean.received) == (1000, MESSAGES)
    with no_connection_left():
        for position in range(0, len(getattr(clean, direction)), STEP):
            had = virtually(converse, silent_after(direction, position), tls)
            for code, received in [
                (had.code, had.received),
                (had.server_code, had.server_received),
            ]:
                assert code in (None, 1006) or received == MESSAGES
            assert noticed(had) or had.server_code in (None, 1000)
    assert not caplog.records


# While all that can wait on a connection waits


async def receive(ws):
    while True:
        await ws.recv()


async def send(ws):
    while True:
        await ws.send(bytes(10_000))
        await asyncio.sleep(0)


async def send_fragments(ws):
    async def fragments():
        while True:
            yield bytes(10_000)
            await asyncio.sleep(0)

    await ws.send(fragments())


async def send_large(ws):
    await ws.send(bytes(8_000_000))


async def ping(ws):
    while True:
        await (await ws.ping())


async def close(ws, server):
    await ws.close(1000, "never arrives")


async def fail(ws, server):
    ws.fail_connection(1011, "never arrives")
    await ws.wait_closed()


async def shut_down(ws, server):
    server.close()
    await ws.wait_closed()


CALLS = [receive, send, send_fragments, send_large, ping, ping]
WAYS = [("server", close), ("server", fail), ("server", shut_down), ("client", close)]
WAYS += [("client", fail)]


async def check_release(ws, server, how):
    """End a connection on which all that can wait waits in vain."""
    callers = [asyncio.ensure_future(ended(call(ws))) for call in CALLS]
    await turns()
    await how(ws, server)
    assert set(await asyncio.gather(*callers)) == {(websockets.ConnectionClosedError, 1006)}
    assert (ws.close_code, ws.closed) == (1006, True)


def deafen(end):
    """Let nothing through any more in the other direction."""
    end.peer.dead = True


def block(end):
    """Take nothing any more."""
    end.dead = True
    end.capacity = 0


async def release(loop, fault, side, how, tls=None):
    """Return the seconds that it takes to end a connection on a faulty network."""
    opened = asyncio.Queue()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await ws.wait_closed()

    options = {"close_timeout": CLOSING, "ping_interval": None}
    server_tls, client_tls = contexts(tls)
    async with websockets.serve(handler, "localhost", 0, **options, **server_tls) as server:
        client = await websockets.connect(uri_with(tls), **options, **client_tls)
        ws, other = await opened.get(), client
        if side == "client":
            ws, other = other, ws
        fault(loop.ends[side == "client"])
        start = loop.time()
        await check_release(ws, server, how)
        seconds = loop.time() - start
        other.transport.abort()
        await other.wait_closed()
    return seconds


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("side, how", WAYS)
@pytest.mark.parametrize("fault", [fall_silent, deafen, block])
def test_everybody_is_released_within_a_few_times_close_timeout(
    over_tls, side, how, fault, certificates, caplog
):
    tls = (certificates.server_context(), certificates.client_context()) if over_tls else None
    with no_connection_left():
        seconds = virtually(release, fault, side, how, tls)
    assert seconds <= CLOSING * (4 if side == "server" else 5)
    assert not caplog.records


# In the opening handshake


async def give_up(loop, direction, after, fault, tls):
    """Return the seconds after which the client and the server are rid of a handshake."""

    def laid(accepted, connected):
        {"up": connected, "down": accepted}[direction].break_after(after, fault)

    loop.laid = laid
    server_tls, client_tls = contexts(tls)
    # The client is the first to give up, or it might still get the server's 408.
    options = {**DEADLINES, "open_timeout": OPENING + 1}
    async with websockets.serve(hold, "localhost", 0, **options, **server_tls) as server:
        with pytest.raises(asyncio.TimeoutError):
            await websockets.connect(uri_with(tls), **DEADLINES, **client_tls)
        client = loop.time()
        accepted, _ = loop.ends
        while server.websockets or not accepted.lost:
            await asyncio.sleep(1)
        return client, loop.time()


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("direction, after", [("up", 0), ("down", 0), ("up", 100)])
@pytest.mark.parametrize("fault", [fall_silent, block])
def test_an_opening_handshake_is_given_up_in_its_time(
    over_tls, direction, after, fault, certificates
):
    tls = (certificates.server_context(), certificates.client_context()) if over_tls else None
    with no_connection_left():
        client, server = virtually(give_up, direction, after, fault, tls)
    # A server that has answered has an open connection, and it is keepalive that notices.
    limit = OPENING + 1 if direction == "up" else KEEPALIVE
    assert client == OPENING
    assert server <= limit + 2 * CLOSING


# Over sockets


@pytest.mark.parametrize("over_tls", [False, True], ids=["tcp", "tls"])
async def test_everybody_is_released_over_sockets(over_tls, certificates, caplog):
    tls = (certificates.server_context(), certificates.client_context()) if over_tls else None
    server_tls, client_tls = contexts(tls)
    options = {"close_timeout": 0.05, "ping_interval": None, "compression": None}

    async def check(side, how, fault):
        opened = asyncio.Queue()

        async def handler(ws, path):
            opened.put_nowait(ws)
            await ws.wait_closed()

        async with websockets.serve(handler, "127.0.0.1", 0, **options, **server_tls) as server:
            up = Way()
            async with link(port_of(server), up) as sock:
                client = await websockets.connect(uri_with(tls), sock=sock, **options, **client_tls)
                ws, other = await opened.get(), client
                if side == "client":
                    ws, other = other, ws
                fault(up.back if side == "server" else up)
                await check_release(ws, server, how)
                other.transport.abort()
                await other.wait_closed()

    async with nothing_left():
        checks = [check(*way, fault) for way in WAYS for fault in (proxy.lose_all, proxy.block)]
        await asyncio.gather(*checks)
        del checks
    assert not caplog.records
