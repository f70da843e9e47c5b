"""
Sanic, which answers the request itself, and gives the connection bytes that it has read.

Release 20.12 drives a ``WebSocketCommonProtocol`` by hand, today's the sans-I/O ``ServerProtocol``.
"""

import asyncio
import contextlib
import itertools
import socket

from loopback import main, raises, scenario
from sanic import Sanic, __version__

import websockets
from websockets.asyncio.client import connect

OLD = __version__.startswith("20.")
Sanic.test_mode = True  # several applications in one process
names = (f"application{number}" for number in itertools.count())


@contextlib.asynccontextmanager
async def hosting(handler, subprotocols=None, **config):
    application = Sanic(next(names))
    application.config.update(config)
    application.websocket("/feed/<number>", subprotocols=subprotocols)(handler)
    sock = socket.create_server(("127.0.0.1", 0))
    server = await application.create_server(sock=sock, return_asyncio_server=True)
    if not OLD:
        await server.startup()
        await server.before_start()
        await server.after_start()
    try:
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}/feed"
    finally:
        if not OLD:
            await server.before_stop()
        server.close()
        await server.wait_closed()
        for connection in list(server.connections):
            if OLD and connection.websocket:
                connection.websocket.fail_connection(1001)
            elif not OLD:
                connection.close()


async def echo(request, ws, number):
    while True:
        await ws.send(await ws.recv())


@scenario
async def messages_of_all_sizes():
    async with hosting(echo, WEBSOCKET_MAX_SIZE=2**23) as address:
        async with connect(f"{address}/1", max_size=None) as ws:
            for size in 0, 1, 125, 126, 65535, 65536, 3_000_000:
                await ws.send("é" * size)
                assert await ws.recv() == "é" * size
                await ws.send(b"\xff" * size)
                assert await ws.recv() == b"\xff" * size
            await ws.send(["a", "b", "c"])
            assert await ws.recv() == "abc"
            for number in range(100):
                await ws.send(str(number))
            assert [await ws.recv() for _ in range(100)] == [str(number) for number in range(100)]
            await (await ws.ping())


@scenario
async def the_request_and_the_subprotocol():
    async def handler(request, ws, number):
        assert request.headers["X-Key"] == "1"
        assert request.args["a"] == ["b"]
        await ws.send(f"{number} {ws.subprotocol}")

    async with hosting(handler, subprotocols=["two", "three"]) as address:
        headers = {"X-Key": "1"}
        async with connect(
            f"{address}/7?a=b", subprotocols=["one", "two"], additional_headers=headers
        ) as ws:
            assert ws.subprotocol == "two"
            assert await ws.recv() == "7 two"
            with raises(websockets.ConnectionClosedOK):
                await ws.recv()
            assert ws.close_code == 1000


@scenario
async def the_client_closes():
    ended = asyncio.Queue()

    async def handler(request, ws, number):
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            ended.put_nowait(ws)

    async with hosting(handler) as address:
        async with connect(f"{address}/1") as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            await ws.close(1001)
        await ended.get()
        async with connect(f"{address}/1") as ws:
            ws.transport.abort()
        await ended.get()


@scenario
async def the_server_closes():
    async def handler(request, ws, number):
        await ws.send("before")
        await ws.close(4001, "enough")

    async with hosting(handler) as address:
        async with connect(f"{address}/1") as ws:
            assert await ws.recv() == "before"
            with raises(websockets.ConnectionClosedError) as caught:
                await ws.recv()
            assert (caught.exception.rcvd.code, caught.exception.rcvd.reason) == (4001, "enough")


@scenario
async def a_handler_that_fails():
    async def handler(request, ws, number):
        await ws.recv()
        raise ValueError("the handler fails, as it should")

    async with hosting(handler) as address:
        async with connect(f"{address}/1") as ws:
            await ws.send("now")
            with raises(websockets.ConnectionClosed):
                await ws.recv()
            # The old release just closes TCP, today's takes it for an ordinary end.
            assert ws.close_code == (1006 if OLD else 1000)


@scenario
async def a_message_that_is_too_large():
    async with hosting(echo, WEBSOCKET_MAX_SIZE=1000) as address:
        async with connect(f"{address}/1") as ws:
            await ws.send("x" * 1000)
            assert await ws.recv() == "x" * 1000
            await ws.send("x" * 1001)
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert ws.close_code == 1009


@scenario
async def other_answers():
    async with hosting(echo) as address:
        with raises(websockets.InvalidStatus) as caught:
            await connect(address.replace("feed", "none"))
        assert caught.exception.response.status_code == 404
        # No opening handshake: this is just a request.
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.split(":")[2][:-5]))
        writer.write(b"GET /feed/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status = int((await reader.readline()).split()[1])
        assert status >= 400, status
        writer.close()


if not OLD:

    @scenario
    async def fragments_and_time_outs():
        async def handler(request, ws, number):
            assert await ws.recv(timeout=0.01) is None
            await ws.send("go on")
            fragments = [fragment async for fragment in ws.recv_streaming()]
            await ws.send("".join(fragments))
            assert len(fragments) > 1
            await ws.send("de")
            await (await ws.ping(b"1"))

        async with hosting(handler) as address:
            async with connect(f"{address}/1") as ws:
                assert await ws.recv() == "go on"
                await ws.send(["a", "b", "c"])
                assert await ws.recv() == "abc"
                assert await ws.recv() == "de"
                with raises(websockets.ConnectionClosedOK):
                    await ws.recv()

    @scenario
    async def keepalive():
        async with hosting(echo, WEBSOCKET_PING_INTERVAL=0.01) as address:
            async with connect(f"{address}/1") as ws:
                for _ in range(5):
                    await (await ws.ping())
                await ws.send("still here")
                assert await ws.recv() == "still here"


if __name__ == "__main__":
    main()
