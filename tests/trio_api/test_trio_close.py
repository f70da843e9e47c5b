"""
Closing on trio, and what is told of how a connection ended.
"""

import pytest
from on_trio import (
    Started,
    both_sides,
    client_and_peer,
    is_client,
    on_trio,
    turns,
)
from peer import CLOSE, close_payload, frame

from websockets.exceptions import (
    ConnectionClosedError,
)
from websockets.frames import Close


@both_sides
@on_trio
async def test_the_server_ends_tcp_first(connection):
    async with connection() as (ws, peer):
        closing = Started(ws.aclose())
        await peer.read_close()
        await peer.write(frame(CLOSE, close_payload(1000), masked=peer.masked))
        if is_client(connection):
            await turns()
            assert not closing.done()
            await peer.stream.send_eof()
        assert await peer.read_eof() == b""
        if not is_client(connection):
            # It waits for our end, so that nothing is lost on the way.
            await turns()
            assert not closing.done()
            await peer.stream.send_eof()
        await closing
        assert ws.close_exc.__cause__ is None


@both_sides
@on_trio
async def test_cancelling_who_waits_changes_nothing_and_who_closes_makes_haste(connection):
    async with connection() as (ws, peer):
        waiting = Started(ws.wait_closed())
        await turns()
        waiting.cancel()
        await turns()
        assert ws.state.name == "OPEN"
        closing = Started(ws.aclose())
        await turns()
        closing.cancel()
        await turns()
        # As of every resource of trio: it is closed all the same, but the peer isn't waited for.
        assert closing.cancelled() and ws.state.name == "CLOSED"
        assert await peer.read_close() == (1000, "")
        assert await peer.read_eof() == b""
        await ws.aclose()
        assert ws.close_code == 1006


@both_sides
@pytest.mark.parametrize("exc", [None, ValueError, KeyError, KeyboardInterrupt, GeneratorExit])
@on_trio
async def test_a_context_closes(connection, exc):
    async with connection() as (ws, peer):
        ending = Started(peer.end())
        try:
            async with ws as entered:
                assert entered is ws
                if exc is not None:
                    raise exc
        except BaseException as raised:
            assert type(raised) is exc
        await ending
        assert ws.close_exc.sent == Close(1000 if exc is None else 1011, "")


# What goes wrong


@on_trio
async def test_a_client_that_fails_a_connection_waits_for_the_server_to_end_it():
    async with client_and_peer() as (ws, peer):
        await peer.send(3)
        await peer.read_close()
        await turns()
        assert ws.state.name == "CLOSING"
        await peer.close()
        await ws.wait_closed()
    async with client_and_peer(close_timeout=0.05) as (ws, peer):
        await peer.send(3)
        await peer.read_close()
        await ws.wait_closed()


@both_sides
@on_trio
async def test_a_stream_that_is_closed(connection):
    async with connection() as (ws, peer):
        await ws.stream.aclose()
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1006, "")
        with pytest.raises(ConnectionClosedError):
            await ws.send("x")
