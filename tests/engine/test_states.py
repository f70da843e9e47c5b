"""
What a connection says of itself, and what subclasses and extensions see of its states.
"""

import contextlib
import logging

import pytest
from peer import BASES, BINARY, both_sides, close_payload, hold, turns, uri_of

import websockets


@both_sides
async def test_all_operations_raise_after_the_end(connection):
    async with connection() as (ws, peer):
        peer.send(8, close_payload(1001, "bye"))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        for operation in (ws.recv, ws.ping, ws.pong, lambda: ws.send("x"), ws.ensure_open):
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await operation()
            assert (error.value.code, error.value.reason) == (1001, "bye")
        assert ws.closed and not ws.open and ws.state is websockets.State.CLOSED


@both_sides
async def test_addresses_and_states(connection):
    async with connection() as (ws, peer):
        ours, theirs = (
            peer.writer.get_extra_info("peername"),
            peer.writer.get_extra_info("sockname"),
        )
        assert (ws.local_address, ws.remote_address) == (ours, theirs)
        assert ws.open and not ws.closed and ws.state is websockets.State.OPEN
        assert (ws.close_code, ws.close_reason) == (None, None)


async def test_a_protocol_without_a_connection():
    ws = websockets.WebSocketCommonProtocol()
    assert ws.state is websockets.State.CONNECTING and not ws.open and not ws.closed
    assert ws.local_address is None and ws.remote_address is None
    with pytest.raises(websockets.InvalidState):
        await ws.send("too early")
    with pytest.raises(websockets.InvalidState):
        await ws.recv()
    await ws.close()


@both_sides
async def test_max_size_can_be_changed_while_the_connection_is_open(connection):
    async with connection(max_size=10) as (ws, peer):
        assert ws.max_size == 10
        ws.max_size = 100
        peer.send(BINARY, b"x" * 100)
        assert await ws.recv() == b"x" * 100
        peer.send(BINARY, b"x" * 101)
        assert (await peer.read_close())[0] == 1009


@both_sides
async def test_an_overridden_close_connection_runs_from_the_opening_on(connection):
    events = []

    class Noting(BASES[connection]):
        async def close_connection(self):
            events.append("opened")
            await super().close_connection()
            events.append("closed")

    async with connection(create_protocol=Noting) as (ws, peer):
        await turns()
        assert events == ["opened"]
        await peer.close()
        await ws.wait_closed()
        await ws.close_connection_task
    assert events == ["opened", "closed"]


@both_sides
async def test_an_extension_that_breaks_is_logged_once_and_closes_with_1011(connection, caplog):
    class Broken:
        name = "x-broken"

        def get_request_params(self):
            return []

        def process_response_params(self, params, accepted):
            return self

        def process_request_params(self, params, accepted):
            return [], self

        def encode(self, frame):
            return frame

        def decode(self, frame, *, max_size=None):
            raise ZeroDivisionError("on purpose")

    broken = Broken()
    with contextlib.ExitStack() as stack:
        stack.enter_context(caplog.at_level(logging.ERROR, "websockets.protocol"))
        async with websockets.serve(hold, "127.0.0.1", 0, extensions=[broken]) as server:
            async with websockets.connect(uri_of(server), extensions=[broken]) as ws:
                assert ws.extensions[0] is broken
                await ws.send("x")
                with pytest.raises(websockets.ConnectionClosedError):
                    await ws.recv()
    errors = [r for r in caplog.records if r.exc_info and r.exc_info[0] is ZeroDivisionError]
    # Each end decodes one frame: the server the message, the client the close frame.
    assert len(errors) == 2
