"""
serve() of today's API: what is its own on asyncio.
"""

import asyncio

import pytest
from peer import REQUEST, port_of, tcp_to
from todays import closed, hold, server_and_peer

from websockets.asyncio.server import serve


@pytest.mark.parametrize("exc", [asyncio.CancelledError, GeneratorExit])
async def test_a_handler_that_is_ended(exc):
    async def handler(connection):
        raise exc

    async with server_and_peer(handler) as (ws, peer):
        assert (await peer.read_close())[0] in (1001, 1011)
        await peer.close()
        await closed(ws)


async def test_who_waits_for_the_request():
    async def process_request(connection, request):
        assert connection.request_rcvd.done()

    async with serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            assert (await peer.read_head()).startswith(b"HTTP/1.1 101 ")
