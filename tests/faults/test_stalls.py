"""
Networks and peers that fall silent: nothing arrives any more, nothing is read, nobody is told.

The deadlines that are documented release everybody; they are the only way out here.
"""

import asyncio

import pytest
from dialogue import MESSAGES, at_every, conversing, ends
from peer import hold, port_of, turns, uri_of
from proxy import Way, block, ended, link, lose, lose_all, nothing_left

import websockets

IMPATIENT = {
    "ping_interval": 0.2,
    "ping_timeout": 0.2,
    "open_timeout": 0.8,
    "close_timeout": 0.05,
}

STEP = 11  # bytes from one stall to the next; frames are shorter, and so each is hit


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_network_that_falls_silent_at_any_moment(direction, caplog):
    async with conversing(**IMPATIENT) as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have("/client/full", **clean) == (1000, MESSAGES)
        found = ends(clean[direction].passed)
        head, last, total = found[0][0], found[-2][0], found[-1][0]

        async def check(position):
            path = f"/client/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, lose_all)})
            await talk.settled()
            server_code = talk.echo.codes.get(path)
            assert received == MESSAGES[: len(received)]
            # It is keepalive that notices, until the client closes, at last; after that, the end of
            # the link may tell the server.
            closing = position > last or (position == last and direction == "down")
            assert code == (None if position < head else 1006 if closing else 1011)
            if direction == "up" and position < head:
                assert server_code is None
            elif direction == "down" and position > last:
                assert server_code == 1000
            else:
                assert server_code in ((1006, 1011) if closing else (1011,))

        frames = {end for end, _ in found[:-1]}
        await at_every(sorted({*range(0, total, STEP), *frames} - {head}), check)
    assert not caplog.records


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_network_that_falls_silent_under_tls(direction, certificates, caplog):
    async with conversing(certificates, **IMPATIENT) as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have("/client/full", **clean) == (1000, MESSAGES)

        async def check(position):
            path = f"/client/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, lose_all)})
            await talk.settled()
            assert code in (None, 1006, 1011) or received == MESSAGES
            server_code, received = talk.echo.codes.get(path), talk.echo.received.get(path)
            assert server_code in (None, 1006, 1011) or received == MESSAGES

        await at_every(range(0, len(clean[direction].passed), 5 * STEP), check)
    assert not caplog.records


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


async def ping(ws):
    while True:
        await (await ws.ping())


def deafen(way):
    """Let nothing through any more in the other direction."""
    lose(way.back)


CALLS = [receive, send, send_fragments, ping, ping]

CLOSE_TIMEOUT = 0.4


async def check_release(how, fault, side, certificates):
    """Let all that can wait on a connection wait in vain, and end it; the fault is on its way."""
    opened = asyncio.Queue()

    async def handler(ws, path):
        opened.put_nowait(ws)
        await ws.wait_closed()

    options = {"close_timeout": CLOSE_TIMEOUT, "ping_interval": None, "compression": None}
    tls = {"ssl": certificates.server_context()} if certificates else {}
    async with websockets.serve(handler, "127.0.0.1", 0, **options, **tls) as server:
        tls = {"ssl": certificates.client_context()} if certificates else {}
        uri = uri_of(server).replace("ws:", "wss:" if tls else "ws:")
        up = Way()
        async with link(port_of(server), up) as sock:
            client = await websockets.connect(uri, sock=sock, **options, **tls)
            ws, other = await opened.get(), client
            if side == "client":
                ws, other = other, ws
            fault(up.back if side == "server" else up)
            callers = [asyncio.ensure_future(ended(call(ws))) for call in CALLS]
            if fault is block:
                callers.append(asyncio.ensure_future(ended(ws.send(bytes(8_000_000)))))
                while not ws.transport.get_write_buffer_size():
                    await asyncio.sleep(0)
            await turns()
            seconds = await HOW[how](ws, server)
            assert seconds < CLOSE_TIMEOUT * (4 if side == "server" else 5)
            code = 1011 if how == "fail" else 1006
            assert set(await asyncio.gather(*callers)) == {(websockets.ConnectionClosedError, code)}
            assert (ws.close_code, ws.closed) == (code, True)
            other.transport.abort()
            await other.wait_closed()


async def close(ws, server):
    start = asyncio.get_running_loop().time()
    await ws.close(1000, "never arrives")
    return asyncio.get_running_loop().time() - start


async def fail(ws, server):
    start = asyncio.get_running_loop().time()
    ws.fail_connection(1011, "never arrives")
    await ws.wait_closed()
    return asyncio.get_running_loop().time() - start


async def shut_down(ws, server):
    start = asyncio.get_running_loop().time()
    server.close()
    await ws.wait_closed()
    return asyncio.get_running_loop().time() - start


HOW = {"close": close, "fail": fail, "shut down": shut_down}


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_everybody_is_released_within_a_few_times_close_timeout(tls, certificates, caplog):
    async with nothing_left():
        checks = [
            check_release(how, fault, side, certificates if tls else None)
            for side in ("server", "client")
            for how in (HOW if side == "server" else ("close", "fail"))
            for fault in (lose_all, deafen, block)
        ]
        await asyncio.gather(*checks)
        del checks
    assert not caplog.records


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("fault", [lose_all, block])
async def test_an_opening_handshake_is_given_up_in_its_time(tls, fault, certificates):
    # The client is the first to give up, or it might still get the server's 408.
    options = {**IMPATIENT, "open_timeout": 0.3}
    async with nothing_left(circles=tls):
        context = {"ssl": certificates.server_context()} if tls else {}
        async with websockets.serve(hold, "127.0.0.1", 0, **options, **context) as server:
            context = {"ssl": certificates.client_context()} if tls else {}
            uri = uri_of(server).replace("ws:", "wss:" if tls else "ws:")

            async def give_up(*ways):
                async with link(port_of(server), *ways) as sock:
                    with pytest.raises(asyncio.TimeoutError):
                        await websockets.connect(
                            uri, sock=sock, **{**options, "open_timeout": 0.05}, **context
                        )
                    # Both sides end by themselves: the link still hides each from the other.
                    while server.websockets or sock.fileno() != -1:
                        await asyncio.sleep(0)

            await asyncio.gather(
                give_up(Way(0, fault)), give_up(None, Way(0, fault)), give_up(Way(100, fault))
            )
