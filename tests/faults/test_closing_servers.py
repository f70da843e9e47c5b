"""
Servers that close: in any order of calls, from a handler, without their sockets.
"""

import asyncio
import socket

import pytest
from peer import hold, turns, uri_of

import websockets
from websockets.asyncio.server import serve as todays_serve


@pytest.mark.parametrize("connections", [0, 2])
@pytest.mark.parametrize("order", ["close first", "wait first", "twice", "context", "at once"])
async def test_closing_a_server_ends_in_any_order(order, connections):
    server = await websockets.serve(hold, "127.0.0.1", 0)
    clients = [await websockets.connect(uri_of(server)) for _ in range(connections)]
    if order == "close first":
        server.close()
        await turns()
        await server.wait_closed()
    elif order == "wait first":
        waiting = [asyncio.ensure_future(server.wait_closed()) for _ in range(2)]
        await turns()
        assert not any(task.done() for task in waiting)
        server.close()
        await asyncio.gather(*waiting)
    elif order == "twice":
        for _ in range(2):
            server.close()
            await server.wait_closed()
    elif order == "context":
        async with server:
            server.close()
    else:
        server.close()
        await asyncio.gather(*(server.wait_closed() for _ in range(3)))
    await asyncio.gather(*(ws.wait_closed() for ws in clients))
    assert [ws.close_code for ws in clients] == [1001] * connections


# Where uvloop accepts, it makes the connection in the same turn.
@pytest.mark.one_loop
@pytest.mark.parametrize("serve", [websockets.serve, todays_serve], ids=["8.1", "today's"])
async def test_who_is_accepted_in_the_turn_in_which_a_server_closes_is_refused(serve):
    loop = asyncio.get_running_loop()
    server = await serve(hold, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as sock:
        sock.setblocking(False)
        await asyncio.sleep(0)
        server.close()
        assert (await loop.sock_recv(sock, 100)).startswith(b"HTTP/1.1 503")
    await server.wait_closed()


async def test_a_handler_may_close_its_server():
    servers = []

    async def handler(ws, path):
        servers[0].close()
        await ws.wait_closed()

    servers.append(await websockets.serve(handler, "127.0.0.1", 0))
    async with websockets.connect(uri_of(servers[0])) as ws:
        await servers[0].wait_closed()
        assert ws.close_code == 1001


async def test_a_server_whose_socket_the_program_closed_can_be_closed():
    sock = socket.create_server(("127.0.0.1", 0))
    server = await websockets.serve(hold, sock=sock)
    ws = await websockets.connect(uri_of(server))
    sock.close()
    server.close()
    await server.wait_closed()
    await ws.wait_closed()
    assert ws.close_code == 1001


async def test_a_server_that_never_served_can_be_closed():
    server = await websockets.serve(hold, "127.0.0.1", 0, start_serving=False)
    server.close()
    await server.wait_closed()
    assert server.sockets is None
