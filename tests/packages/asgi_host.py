"""
Conversations with a server that hosts ASGI applications, whichever it is.

Owns what ASGI says of WebSockets; knows no server. A program gives ``hosting(application)``, an
asynchronous context manager with the address, and gets the scenarios that any host must pass.
"""

import asyncio
import json

from loopback import raises, scenario

import websockets
from websockets.asyncio.client import connect

MEGABYTE = 2**20


async def accept(receive, send, **details):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", **details})


async def echo(receive, send):
    """Send back what comes, and return the event that says the end."""
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return event
        told = {name: event[name] for name in ("text", "bytes") if event.get(name) is not None}
        await send({"type": "websocket.send", **told})


async def echoing(scope, receive, send):
    """An application that echoes."""
    await accept(receive, send)
    await echo(receive, send)


def all_hosts(hosting, title="", largest=4 * MEGABYTE):
    """Register the scenarios for ``hosting``; it takes messages of ``largest`` bytes."""

    def of_any_host(function):
        function.__name__ = title + function.__name__
        return scenario(function)

    @of_any_host
    async def text_and_binary_messages_of_all_sizes():
        async with hosting(echoing) as address, connect(address, max_size=None) as ws:
            for size in 0, 1, 125, 126, 65535, 65536, largest:
                await ws.send("é" * (size // 2))
                assert await ws.recv() == "é" * (size // 2)
                await ws.send(b"\xff" * size)
                assert await ws.recv() == b"\xff" * size
            # Fragments, which become one message.
            await ws.send(["a", "b", "c"])
            assert await ws.recv() == "abc"
            await (await ws.ping())
            for number in range(100):
                await ws.send(str(number))
            assert [await ws.recv() for _ in range(100)] == [str(number) for number in range(100)]

    @of_any_host
    async def the_request_and_the_subprotocol():
        async def application(scope, receive, send):
            await accept(receive, send, subprotocol="two")
            headers = [value.decode() for name, value in scope["headers"] if name == b"x-key"]
            told = [scope["path"], scope["query_string"].decode(), scope["subprotocols"], headers]
            await send({"type": "websocket.send", "text": json.dumps(told)})
            await send({"type": "websocket.close"})

        async with hosting(application) as address:
            async with connect(
                f"{address}/a%20b?c=d",
                subprotocols=["one", "two"],
                additional_headers=[("X-Key", "1"), ("X-Key", "2")],
            ) as ws:
                assert ws.subprotocol == "two"
                assert json.loads(await ws.recv()) == ["/a b", "c=d", ["one", "two"], ["1", "2"]]
                with raises(websockets.ConnectionClosedOK):
                    await ws.recv()

    @of_any_host
    async def the_client_closes():
        ended = asyncio.Queue()

        async def application(scope, receive, send):
            await accept(receive, send)
            ended.put_nowait(await echo(receive, send))

        async with hosting(application) as address:
            for code in 1000, 1001, 3000, 4999:
                async with connect(address) as ws:
                    await ws.close(code, "é" * 60)
                    assert ws.close_code == code
                assert (await ended.get())["code"] == code

    @of_any_host
    async def the_client_is_gone():
        ended = asyncio.Queue()

        async def application(scope, receive, send):
            await accept(receive, send)
            ended.put_nowait(await echo(receive, send))

        async with hosting(application) as address:
            async with connect(address) as ws:
                await ws.send("last")
                assert await ws.recv() == "last"
                ws.transport.abort()
            # Hosts differ about the code: 1006 is RFC 6455's, 1005 ASGI's own default.
            assert (await ended.get())["code"] in (1005, 1006)

    @of_any_host
    async def the_application_closes():
        async def application(scope, receive, send):
            await accept(receive, send)
            await send({"type": "websocket.send", "text": "before"})
            await send({"type": "websocket.close", "code": 4321})

        async with hosting(application) as address, connect(address) as ws:
            assert await ws.recv() == "before"
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert ws.close_code == 4321

    @of_any_host
    async def the_application_refuses():
        async def application(scope, receive, send):
            assert (await receive())["type"] == "websocket.connect"
            await send({"type": "websocket.close", "code": 4000})

        async with hosting(application) as address:
            with raises(websockets.InvalidStatus) as caught:
                await connect(address)
            assert caught.exception.response.status_code == 403

    @of_any_host
    async def the_application_fails():
        async def early(scope, receive, send):
            raise RuntimeError("the application fails, as it should")

        async def late(scope, receive, send):
            await accept(receive, send)
            await receive()
            raise RuntimeError("the application fails, as it should")

        async with hosting(early) as address:
            with raises(websockets.InvalidStatus) as caught:
                await connect(address)
            assert caught.exception.response.status_code == 500
        async with hosting(late) as address, connect(address) as ws:
            await ws.send("now")
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert ws.close_code in (1006, 1011)
