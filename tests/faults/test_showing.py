"""
str() and repr() of connections, frames and servers never raise.
"""

import asyncio

import pytest
from peer import BASES, both_sides, hold, server_and_peer

import websockets


def shown(thing):
    return isinstance(repr(thing), str) and isinstance(str(thing), str)


@both_sides
async def test_a_connection_can_be_shown_in_every_state(connection):
    states = []

    async with connection() as (ws, peer):
        for base in BASES.values():
            never_opened = (
                base(None, None) if base is websockets.WebSocketServerProtocol else base()
            )
            assert shown(never_opened)
        states.append(ws.state)
        assert shown(ws)
        closing = asyncio.ensure_future(ws.close())
        await peer.read_close()
        states.append(ws.state)
        assert shown(ws) and shown(ws.state)
        await peer.close()
        await closing
        states.append(ws.state)
        assert shown(ws) and shown(ws.connection_closed_exc())
    assert [state.name for state in states] == ["OPEN", "CLOSING", "CLOSED"]


async def test_a_connection_can_be_shown_in_its_handshake():
    seen = []

    class Looking(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            seen.append(shown(self) and shown(self.state))

    async with server_and_peer(create_protocol=Looking):
        assert seen == [True]


@pytest.mark.parametrize("opcode", range(16))
@pytest.mark.parametrize("data", [b"", b"\xff" * 1000, b"\x03", b"\x03\xe8\xff", "text", None])
def test_frames_can_be_shown_whatever_they_hold(opcode, data):
    assert shown(websockets.Frame(True, opcode, data, True, False, True))


async def test_servers_and_attempts_can_be_shown():
    serving = websockets.serve(hold, "127.0.0.1", 0)
    assert shown(serving) and shown(websockets.connect("ws://localhost/"))
    async with serving as server:
        assert shown(server)
    assert shown(server) and shown(websockets.WebSocketServer(asyncio.get_running_loop()))
