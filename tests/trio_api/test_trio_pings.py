"""
Pings on trio: events and cancellation.
"""

import pytest
from on_trio import both_sides, on_trio, trio
from peer import CLOSE, PING, PONG, close_payload

from websockets.exceptions import (
    ConnectionClosedOK,
)

FIN = 0x80


@both_sides
@on_trio
async def test_a_ping_may_be_cancelled(connection):
    async with connection() as (ws, peer):
        with trio.CancelScope() as scope:
            scope.cancel()
            await ws.ping("a")
        assert scope.cancelled_caught and not ws.pending_pings
        pong = await ws.ping("b")
        await peer.send(PONG, b"b")
        await pong.wait()
        assert await peer.read() == (FIN | PING, b"b")


@both_sides
@on_trio
async def test_pings_that_nobody_will_answer_any_more(connection, caplog):
    async with connection() as (ws, peer):
        unanswered, over = await ws.ping(), await ws.ping(ack_on_close=True)
        await peer.send(CLOSE, close_payload(1000))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        assert over.is_set() and not unanswered.is_set()
        assert not ws.pending_pings
        with pytest.raises(ConnectionClosedOK):
            await ws.ping()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
