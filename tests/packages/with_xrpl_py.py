"""The XRP ledger: ``xrpl`` looks at a connection's ``state``, from coroutines and from a thread."""

import asyncio
import json

from loopback import main, raises, refusing, scenario, serving
from xrpl.asyncio.clients import AsyncWebsocketClient
from xrpl.clients import WebsocketClient
from xrpl.models import ServerInfo, StreamParameter, Subscribe

import websockets

LARGE = "x" * 8 * 2**20


async def ledger(connection):
    """Answer requests, and announce three ledgers to who subscribes."""
    async for message in connection:
        told = json.loads(message)
        result = {"command": told["command"]}
        answer = {"id": told["id"], "status": "success", "type": "response", "result": result}
        if told["command"] == "server_info":
            result["info"] = {"large": LARGE}
        await connection.send(json.dumps(answer))
        if told["command"] == "subscribe":
            for index in range(3):
                await connection.send(json.dumps({"type": "ledgerClosed", "ledger_index": index}))
    assert connection.close_code == 1000


@scenario
async def requests_and_a_subscription():
    async with serving(ledger) as address:
        async with AsyncWebsocketClient(address) as client:
            response = await client.request(ServerInfo())
            assert response.is_successful() and response.result["info"]["large"] == LARGE
            many = await asyncio.gather(*(client.request(ServerInfo()) for _ in range(3)))
            assert all(response.is_successful() for response in many)
        async with AsyncWebsocketClient(address) as client:
            await client.send(Subscribe(id="1", streams=[StreamParameter.LEDGER]))
            ledgers = []
            async for message in client:
                if message["type"] == "ledgerClosed":
                    ledgers.append(message["ledger_index"])
                if len(ledgers) == 3:
                    break
            assert ledgers == [0, 1, 2]
            assert client.is_open()
        assert not client.is_open()


@scenario
async def a_thread():
    def talk():
        with WebsocketClient(address) as client:
            assert client.request(ServerInfo()).result["info"]["large"] == LARGE
            client.send(Subscribe(id="1", streams=[StreamParameter.LEDGER]))
            ledgers = []
            for message in client:
                if message["type"] == "ledgerClosed":
                    ledgers.append(message["ledger_index"])
                if len(ledgers) == 3:
                    break
            assert ledgers == [0, 1, 2]
        assert not client.is_open()

    async with serving(ledger) as address:
        await asyncio.to_thread(talk)


@scenario
async def the_server_ends():
    ended = asyncio.Event()

    async def closes(connection):
        await connection.close(1001)
        ended.set()

    async def breaks(connection):
        connection.transport.abort()
        ended.set()

    for peer in closes, breaks:
        ended.clear()
        async with serving(peer) as address:
            client = AsyncWebsocketClient(address)
            await client.open()
            await ended.wait()
            while client.is_open():
                await asyncio.sleep(0)
            # It opens again, although it wasn't closed.
            await client.open()


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(503)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await AsyncWebsocketClient(address).open()
        assert caught.exception.response.status_code == 503


if __name__ == "__main__":
    main()
