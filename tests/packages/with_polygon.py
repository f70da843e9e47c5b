"""Polygon's streams: ``polygon`` iterates over connections, with a ``process_exception``."""

import asyncio
import json

from loopback import main, raises, scenario, serving
from polygon import WebSocketClient
from polygon.exceptions import AuthError

import websockets


def trade(number):
    return {"ev": "T", "sym": "X", "p": 1.5, "s": number}


async def begin(connection):
    assert connection.request.path == "/stocks"
    await connection.send('[{"ev": "status", "status": "connected", "message": ""}]')
    key = json.loads(await connection.recv())["params"]
    status = "auth_success" if key == "key" else "auth_failed"
    await connection.send(json.dumps([{"ev": "status", "status": status, "message": "é"}]))
    return json.loads(await connection.recv())["params"]


def client(address, key="key", **options):
    feed = address.partition("//")[2]
    subscriptions = ["T.X"]
    return WebSocketClient(
        key, feed=feed, market="stocks", secure=False, subscriptions=subscriptions, **options
    )


@scenario
async def trades():
    async def peer(connection):
        assert await begin(connection) == "T.X"
        for number in range(10):
            await connection.send(json.dumps([trade(number)] * 100))
        await connection.wait_closed()
        assert connection.close_code == 1000

    async with serving(peer) as address:
        sizes = asyncio.Queue()

        async def processor(messages):
            sizes.put_nowait((len(messages), messages[0].size))

        stream = client(address)
        connected = asyncio.ensure_future(stream.connect(processor))
        assert [await sizes.get() for _ in range(10)] == [(100, number) for number in range(10)]
        await stream.close()
        await connected


@scenario
async def it_connects_again():
    """Until it has done so too often."""
    connections = []

    async def peer(connection):
        connections.append(connection)
        assert await begin(connection) == "T.X"
        await connection.send(json.dumps([trade(len(connections))]))
        if len(connections) == 1:
            await connection.close(1008, "too slow")
        else:
            connection.transport.abort()

    async def processor(messages):
        pass

    async with serving(peer) as address:
        with raises(websockets.ConnectionClosedError) as caught:
            await client(address, max_reconnects=2).connect(processor)
        assert caught.exception.rcvd is None
        assert len(connections) == 3


@scenario
async def a_wrong_key():
    async with serving(begin) as address:
        with raises(AuthError) as caught:
            await client(address, "wrong").connect(None)
        assert str(caught.exception) == "é"


if __name__ == "__main__":
    main()
