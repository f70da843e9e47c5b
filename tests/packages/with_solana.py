"""Solana's subscriptions: ``solana`` builds ``ConnectionClosedOK`` itself, and closes with a code."""

import asyncio
import json

from loopback import main, raises, refusing, scenario, serving
from solana.rpc.websocket_api import ConnectionState, SolanaWsClient

import websockets


async def node(connection, end=None):
    """Confirm subscriptions, and tell three slots of each."""
    async for message in connection:
        told = json.loads(message)
        result = 7 if told["method"].endswith("Subscribe") else True
        await connection.send(json.dumps({"jsonrpc": "2.0", "result": result, "id": told["id"]}))
        if told["method"] == "slotSubscribe":
            for number in range(3):
                slot = {"parent": number, "root": number, "slot": number + 1}
                params = {"result": slot, "subscription": 7}
                notification = {"jsonrpc": "2.0", "method": "slotNotification", "params": params}
                await connection.send(json.dumps(notification))
            if end:
                await end(connection)


@scenario
async def a_subscription():
    async def peer(connection):
        await node(connection)
        assert (connection.close_code, connection.close_reason) == (1000, "")

    async with serving(peer) as address:
        async with SolanaWsClient(address) as client:
            subscription = await client.slot_subscribe()
            slots = [(await client.recv()).result.slot for _ in range(3)]
            assert slots == [1, 2, 3]
            await client.unsubscribe(subscription)
        assert client.connection_state is ConnectionState.CLOSED
        with raises(websockets.ConnectionClosedOK):
            await client.recv()


@scenario
async def a_code_of_its_own():
    ended = asyncio.Queue()

    async def peer(connection):
        try:
            await node(connection)
        finally:
            ended.put_nowait((connection.close_code, connection.close_reason))

    async with serving(peer) as address:
        client = await SolanaWsClient(address).connect()
        with raises(websockets.ProtocolError):
            await client.close(1005)
        await client.close()
        assert await ended.get() == (1000, "")
        client = await SolanaWsClient(address).connect()
        waiting = asyncio.ensure_future(client.recv())
        await asyncio.sleep(0)
        await client.close(4000, "é")
        assert await ended.get() == (4000, "é")
        with raises(websockets.ConnectionClosedError) as caught:
            await waiting
        assert str(caught.exception).startswith("sent 4000 (private use) é; then received 4000")


@scenario
async def the_node_ends():
    async def cut(connection):
        connection.transport.abort()

    async def fail(connection):
        await connection.close(1011, "broken")

    async def leave(connection):
        await connection.close()

    for end, kind, text in (
        (cut, websockets.ConnectionClosedError, "no close frame received or sent"),
        (fail, websockets.ConnectionClosedError, "received 1011 (internal error) broken; then"),
        (leave, websockets.ConnectionClosedOK, "received 1000 (OK); then sent 1000 (OK)"),
    ):

        async def peer(connection, end=end):
            await node(connection, end)

        async with serving(peer) as address:
            client = await SolanaWsClient(address).connect()
            await client.slot_subscribe()
            slots = [(await client.recv()).result.slot for _ in range(3)]
            assert slots == [1, 2, 3]
            with raises(kind) as caught:
                await client.recv()
            assert str(caught.exception).startswith(text), caught.exception
            await client.close()


@scenario
async def many_at_once():
    async with serving(node) as address:
        async with SolanaWsClient(address, max_size=2**22, compression=None) as client:
            await asyncio.gather(*(client.root_subscribe() for _ in range(50)))


@scenario
async def the_node_refuses():
    async with serving(node, process_request=refusing(429)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await SolanaWsClient(address).connect()
        assert caught.exception.response.status_code == 429


if __name__ == "__main__":
    main()
