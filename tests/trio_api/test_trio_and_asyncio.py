"""
Conversations of connections on trio with those on asyncio.
"""

import pytest
from beside import on_asyncio
from on_trio import connect, echo, on_trio, serving, trio, uri_of
from peer import port_of
from todays import echo as asyncio_echo

from websockets.asyncio.client import connect as asyncio_connect
from websockets.asyncio.server import serve as asyncio_serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

MESSAGES = ["", b"", "é", "x" * 200, b"\x00" * 70_000, "é" * 300_000]


@pytest.mark.parametrize("compression", [None, "deflate"])
@on_trio
async def test_a_client_of_a_server_on_asyncio(compression):
    with on_asyncio(lambda: asyncio_serve(asyncio_echo, "127.0.0.1", 0)) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        async with connect(uri, compression=compression) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(["a", "b", "c"])
            assert await ws.recv() == "abc"
            await (await ws.ping()).wait()
            async with trio.open_nursery() as nursery:

                async def send_all():
                    for number in range(1000):
                        await ws.send(f"{number}")

                nursery.start_soon(send_all)
                for number in range(1000):
                    assert await ws.recv() == f"{number}"
            await ws.aclose(1001, "bye")
            assert ws.close_exc.rcvd.code == ws.close_exc.sent.code == 1001


@pytest.mark.parametrize("compression", [None, "deflate"])
@on_trio
async def test_a_server_of_a_client_on_asyncio(compression):
    async def talk():
        async with asyncio_connect(uri, compression=compression) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(["a", "b", "c"])
            assert await ws.recv() == "abc"
            await (await ws.ping())
            for number in range(200):
                await ws.send(f"{number}")
            for number in range(200):
                assert await ws.recv() == f"{number}"
            return ws

    async with serving(echo, max_queue=1000) as server:
        uri = uri_of(server)
        ws = await trio.to_thread.run_sync(run, talk)
        assert ws.close_code == 1000


def run(function):
    import asyncio

    return asyncio.run(function())


@pytest.mark.parametrize("code", [1000, 4000])
@on_trio
async def test_who_closes_first_on_asyncio(code):
    async def handler(connection):
        await connection.send("before the end")
        await connection.close(code, "over")

    with on_asyncio(lambda: asyncio_serve(handler, "127.0.0.1", 0)) as server:
        async with connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            assert await ws.recv() == "before the end"
            error = ConnectionClosedOK if code == 1000 else ConnectionClosedError
            with pytest.raises(error) as raised:
                await ws.recv()
            assert (raised.value.rcvd.code, raised.value.rcvd.reason) == (code, "over")
            assert raised.value.rcvd_then_sent is True
