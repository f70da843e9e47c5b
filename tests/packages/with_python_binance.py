"""
Binance's streams: ``binance`` compares ``ws.state`` with ``websockets.protocol.State``.

It awaits ``recv()`` with time-outs, and takes a ``WebSocketClientProtocol`` for one that has
``closed``.
"""

import asyncio
import json

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException, BinanceWebsocketUnableToConnect
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from binance.ws.websocket_api import WebsocketAPI
from loopback import main, raises, refusing, scenario, serving

import websockets

# While nothing comes, it notices that it is being closed after so many seconds, ten otherwise.
ReconnectingWebsocket.TIMEOUT = 1


class streams:
    """A manager of streams that takes them from ``address``."""

    def __init__(self, address):
        self.address = address

    async def __aenter__(self):
        self.client = AsyncClient()
        manager = BinanceSocketManager(self.client)
        manager.STREAM_URL = f"{self.address}/"
        return manager

    async def __aexit__(self, *exc_info):
        await self.client.close_connection()


@scenario
async def a_stream():
    async def peer(connection):
        assert connection.request.path == "/ws/bnbbtc@trade"
        for number in range(50):
            await connection.send(json.dumps({"e": "trade", "t": number, "s": "é" * 1000}))
        await connection.wait_closed()
        assert connection.close_code == 1000

    async with serving(peer) as address, streams(address) as manager:
        async with manager.trade_socket("BNBBTC") as stream:
            assert [(await stream.recv())["t"] for _ in range(50)] == list(range(50))


@scenario
async def a_stream_that_is_cut_comes_again():
    connections = []
    read = asyncio.Event()

    async def peer(connection):
        connections.append(connection)
        await connection.send(json.dumps({"t": len(connections)}))
        if len(connections) == 1:
            await read.wait()
            connection.transport.abort()
        await connection.wait_closed()

    async with serving(peer) as address, streams(address) as manager:
        async with manager.trade_socket("BNBBTC") as stream:
            told = [await stream.recv()]
            read.set()
            while told[-1].get("t") != 2:
                told.append(await stream.recv())
            assert told[0] == {"t": 1}
            assert told[1]["type"] == "ConnectionClosedError", told
            assert told[1]["m"] == "no close frame received or sent", told


@scenario
async def a_stream_that_is_closed_comes_again():
    connections = []
    read = asyncio.Event()

    async def peer(connection):
        connections.append(connection)
        await connection.send(json.dumps({"t": len(connections)}))
        if len(connections) == 1:
            await read.wait()
            await connection.close(1008, "too slow")
        await connection.wait_closed()

    async with serving(peer) as address, streams(address) as manager:
        async with manager.trade_socket("BNBBTC") as stream:
            told = [await stream.recv()]
            read.set()
            while told[-1].get("t") != 2:
                told.append(await stream.recv())
            assert told[0] == {"t": 1}
            assert told[1]["type"] == "ConnectionClosedError", told
            expected = "1008 (policy violation) too slow"
            assert told[1]["m"] == f"received {expected}; then sent {expected}", told


@scenario
async def requests_and_their_answers():
    async def peer(connection):
        async for message in connection:
            told = json.loads(message)
            answer = {"id": told["id"], "status": 200, "result": told["params"]}
            if told["method"] == "no":
                error = {"code": -1121, "msg": "no such"}
                answer = {"id": told["id"], "status": 400, "error": error}
            await connection.send(json.dumps(answer))

    def request(name, method):
        payload = {"id": name, "method": method, "params": {"name": name}}
        return api.request(name, payload)

    async with serving(peer) as address:
        api = WebsocketAPI(url=address)
        answers = await asyncio.gather(*(request(str(number), "yes") for number in range(10)))
        assert answers == [{"name": str(number)} for number in range(10)]
        with raises(BinanceAPIException) as caught:
            await request("11", "no")
        assert "no such" in str(caught.exception)
        await api.close()
        assert await request("12", "yes") == {"name": "12"}
        await api.close()


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(429)) as address:
        with raises(BinanceWebsocketUnableToConnect) as caught:
            await WebsocketAPI(url=address).request("1", {})
        assert "HTTP 429" in str(caught.exception)
        async with streams(address) as manager:
            with raises(websockets.InvalidStatus) as caught:
                await manager.trade_socket("BNBBTC").connect()
            assert caught.exception.response.status_code == 429


if __name__ == "__main__":
    main()
