"""
Transports that a host drives, in an order that no event loop has: lost before it opened, full, given up.
"""

import asyncio

import pytest
from peer import CLOSE, PING, PONG, TEXT, close_payload, frame, turns
from transports import by_hand

import websockets


async def test_a_connection_that_was_never_opened_is_lost():
    ws = by_hand()
    assert (ws.close_code, ws.close_reason) == (None, None)
    with pytest.raises(websockets.InvalidState):
        await ws.recv()
    ws.connection_lost(None)
    assert (ws.close_code, ws.close_reason, ws.closed) == (1006, "", True)
    for operation in (ws.recv, ws.ping, ws.ensure_open):
        with pytest.raises(websockets.ConnectionClosedError) as error:
            await operation()
        assert error.value.code == 1006
    await ws.wait_closed()


async def test_a_connection_that_is_lost_in_the_turn_in_which_it_opens():
    ws = by_hand()
    ws.data_received(b"HTTP/1.1")
    ws.connection_lost(None)
    ws.connection_open()
    assert (ws.close_code, ws.state.name) == (1006, "CLOSED")
    with pytest.raises(websockets.ConnectionClosedError):
        await ws.recv()


@pytest.mark.parametrize("how", ["close", "fail"])
async def test_a_connection_is_given_up_before_it_opens(how):
    ws = by_hand()
    if how == "fail":
        ws.fail_connection(1002)
    else:
        closing = asyncio.ensure_future(ws.close())
        await turns()
        assert not closing.done()
    assert ws.transport.closed and not ws.transport.written
    ws.connection_lost(None)
    if how == "close":
        await closing


async def test_without_a_transport_there_is_nothing_to_fail():
    ws = websockets.WebSocketCommonProtocol()
    ws.fail_connection(1002)
    await ws.close()
    assert ws.close_code is None


async def test_writing_may_pause_before_the_connection_opens():
    ws = by_hand()
    ws.max_size = 5
    ws.pause_writing()
    ws.connection_open()
    ws.data_received(frame(PING, b"1", masked=True) + frame(PING, b"2", masked=True))
    sending = asyncio.ensure_future(ws.send("x"))
    await turns()
    assert ws.transport.written == b"" and not sending.done()
    ws.resume_writing()
    await sending
    assert ws.transport.written == frame(PONG, b"2") + frame(TEXT, b"x")
    ws.data_received(frame(TEXT, b"123456", masked=True))
    assert frame(CLOSE, close_payload(1009))[2:4] in ws.transport.written
    ws.connection_lost(None)
    early = by_hand()
    early.pause_writing()
    early.resume_writing()
    early.connection_lost(None)


async def test_a_close_frame_that_waits_for_a_reader_is_sent_once():
    ws = by_hand()
    ws.connection_open()
    ws.data_received(frame(TEXT, b"unread", masked=True))
    ws.data_received(frame(CLOSE, close_payload(1000), masked=True))
    ws.data_received(frame(TEXT, b"too late", masked=True))
    assert ws.transport.written == b""
    assert await ws.recv() == "unread"
    receiving = asyncio.ensure_future(ws.recv())
    await turns()
    assert ws.transport.written == frame(CLOSE, close_payload(1000))
    ws.connection_lost(None)
    with pytest.raises(websockets.ConnectionClosedOK):
        await receiving


async def test_reading_does_not_resume_on_a_transport_that_closes():
    ws = by_hand(max_queue=1, read_limit=1)
    ws.connection_open()
    ws.data_received(frame(TEXT, b"m", masked=True) * 3)
    assert not ws.transport.reading
    ws.transport.close()
    assert [await ws.recv() for _ in range(3)] == ["m"] * 3
    assert not ws.transport.reading
    ws.connection_lost(None)
