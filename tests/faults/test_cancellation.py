"""
Cancelled calls: they end with CancelledError, and nothing is lost, left behind or disturbed.
"""

import asyncio
import gc

import pytest
from peer import (
    CLOSE,
    REQUEST,
    TEXT,
    assert_serves,
    both_sides,
    close_payload,
    echo,
    frame,
    hold,
    listening,
    port_of,
    tcp_to,
    turns,
    uri_of,
)
from transports import by_hand

import websockets

BLOCKED = {
    "recv": lambda ws: ws.recv(),
    "send": lambda ws: ws.send(b"x"),
    "send fragments": lambda ws: ws.send([b"x", b"y"]),
    "ping": lambda ws: ws.ping(),
    "pong": lambda ws: ws.pong(),
    "close": lambda ws: ws.close(),
    "wait_closed": lambda ws: ws.wait_closed(),
}


@both_sides
@pytest.mark.parametrize("operation", BLOCKED)
async def test_a_cancelled_operation_is_cancelled(connection, operation):
    async with connection(write_limit=1000, close_timeout=0.05) as (ws, peer):
        filling = asyncio.ensure_future(ws.send(b"x" * 20_000_000))
        await turns(50)
        task = asyncio.ensure_future(BLOCKED[operation](ws))
        await turns()
        assert not task.done() and not filling.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        filling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await filling


@both_sides
@pytest.mark.parametrize("operation", ["recv", "send", "ping", "pong"])
async def test_an_operation_cancelled_while_closing_is_cancelled(connection, operation):
    async with connection(close_timeout=0.05) as (ws, peer):
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        task = asyncio.ensure_future(BLOCKED[operation](ws))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await closing


async def test_a_handler_cancelled_in_process_request_is_cancelled():
    begun = asyncio.Event()

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            begun.set()
            await asyncio.get_running_loop().create_future()

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Slow) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await begun.wait()
            [protocol] = server.websockets
            protocol.handler_task.cancel()
            await peer.read_eof()
            await asyncio.wait([protocol.handler_task])
            assert protocol.handler_task.cancelled()
            assert not server.websockets


async def test_cancelling_who_waits_for_a_server_leaves_the_server_alone():
    server = await websockets.serve(echo, "127.0.0.1", 0)
    waiting = asyncio.ensure_future(server.wait_closed())
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await assert_serves(server)
    server.close()
    await server.wait_closed()


@both_sides
@pytest.mark.parametrize("arrives", ["message", "fragment", "rest of a message", "close"])
async def test_cancelling_recv_in_the_turn_in_which_something_arrives(connection, arrives):
    async with connection() as (ws, peer):
        first = frame(TEXT, b"a", fin=False, masked=peer.masked)
        rest = frame(0, b"b", masked=peer.masked)
        if arrives == "rest of a message":
            ws.data_received(first)
        receiving = asyncio.ensure_future(ws.recv())
        await turns()
        if arrives == "fragment":
            ws.data_received(first)
        elif arrives == "rest of a message":
            ws.data_received(rest)
        else:
            ws.data_received(first + rest)
        if arrives == "close":
            ws.data_received(frame(CLOSE, close_payload(1000), masked=peer.masked))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        if arrives == "fragment":
            ws.data_received(rest)
        assert await ws.recv() == "ab"
        if arrives == "close":
            await peer.read_close()
            await peer.close()
            with pytest.raises(websockets.ConnectionClosedOK):
                await ws.recv()


async def opened(uri):
    return await websockets.connect(uri)


async def test_a_timeout_around_connect_ends_the_attempt():
    ended = asyncio.Event()

    async def silent(peer):
        await peer.read_eof()
        ended.set()

    async with listening(silent) as server:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(opened(uri_of(server)), 0.02)
        await ended.wait()
    gc.collect()


async def test_connect_cancelled_at_any_turn_leaves_no_connection():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        for count in range(30):
            connecting = asyncio.ensure_future(opened(uri_of(server)))
            await turns(count)
            connecting.cancel()
            try:
                ws = await connecting
            except asyncio.CancelledError:
                continue
            await ws.close()
        # A socket that were still open would hold its handler up.
        while server.websockets:
            await asyncio.sleep(0)
    gc.collect()


async def test_cancelling_send_in_the_turn_in_which_writing_resumes():
    ws = by_hand()
    ws.connection_open()
    ws.pause_writing()
    tasks = [asyncio.ensure_future(ws.send(str(n))) for n in range(3)]
    await turns()
    tasks[0].cancel()
    ws.resume_writing()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError) and results[1:] == [None, None]
    assert ws.transport.written.endswith(frame(TEXT, b"1") + frame(TEXT, b"2"))
    ws.connection_lost(None)


@both_sides
async def test_pings_that_nobody_waits_for_any_more_do_not_disturb_the_end(connection, caplog):
    async with connection() as (ws, peer):
        (await ws.ping()).cancel()
        pending = await ws.ping()
        peer.writer.transport.abort()
        await ws.wait_closed()
        with pytest.raises(websockets.ConnectionClosedError):
            await pending
    assert not caplog.records
