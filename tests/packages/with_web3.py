"""Ethereum's subscriptions: ``web3`` sends binary messages, and asks by ``pong()`` who is there."""

import asyncio
import json

from loopback import main, raises, refusing, scenario, serving
from web3 import AsyncWeb3, WebSocketProvider
from web3.exceptions import ProviderConnectionError, Web3RPCError

import websockets

HEAD = {
    "number": "0x10",
    "hash": "0x" + "11" * 32,
    "parentHash": "0x" + "22" * 32,
    "nonce": "0x" + "00" * 8,
    "sha3Uncles": "0x" + "33" * 32,
    "logsBloom": "0x" + "00" * 256,
    "transactionsRoot": "0x" + "44" * 32,
    "stateRoot": "0x" + "55" * 32,
    "receiptsRoot": "0x" + "66" * 32,
    "miner": "0x" + "77" * 20,
    "difficulty": "0x0",
    "extraData": "0x",
    "gasLimit": "0x1",
    "gasUsed": "0x1",
    "timestamp": "0x1",
}


async def node(connection, end=None):
    async def say(**message):
        await connection.send(json.dumps({"jsonrpc": "2.0", **message}))

    async for message in connection:
        assert isinstance(message, bytes)
        told = json.loads(message)
        for request in told if isinstance(told, list) else [told]:
            method = request["method"]
            if method == "eth_chainId":
                error = {"code": -32000, "message": "no such"}
                await say(id=request["id"], error=error)
            elif method == "eth_subscribe":
                await say(id=request["id"], result="0x7")
                for _ in range(3):
                    params = {"subscription": "0x7", "result": HEAD}
                    await say(method="eth_subscription", params=params)
            elif method == "eth_unsubscribe":
                await say(id=request["id"], result=True)
            elif method == "web3_clientVersion":
                await say(id=request["id"], result="x" * 2_000_000)
            else:
                await say(id=request["id"], result="0x10")
        if end and method == "eth_subscribe":
            await end(connection)


@scenario
async def requests():
    async with serving(node) as address:
        options = {"max_size": 2**24}
        async with AsyncWeb3(WebSocketProvider(address, websocket_kwargs=options)) as w3:
            assert await w3.is_connected()
            assert await w3.eth.block_number == 16
            assert await w3.client_version == "x" * 2_000_000
            assert await asyncio.gather(*(w3.eth.gas_price for _ in range(20))) == [16] * 20
            with raises(Web3RPCError) as caught:
                await w3.eth.chain_id
            assert "no such" in str(caught.exception)
        assert not await w3.is_connected()


@scenario
async def a_subscription():
    async with serving(node) as address:
        async with AsyncWeb3(WebSocketProvider(address)) as w3:
            subscription = await w3.eth.subscribe("newHeads")
            numbers = []
            async for told in w3.socket.process_subscriptions():
                assert told["subscription"] == "0x7"
                numbers.append(told["result"]["number"])
                if len(numbers) == 3:
                    break
            assert numbers == [16] * 3
            assert await w3.eth.unsubscribe(subscription)


@scenario
async def the_node_leaves():
    async def leave(connection):
        await connection.close()

    async def cut(connection):
        connection.transport.abort()

    for end in leave, cut:

        async def peer(connection, end=end):
            await node(connection, end)

        async with serving(peer) as address:
            w3 = await AsyncWeb3(WebSocketProvider(address))
            await w3.eth.subscribe("newHeads")
            try:
                async for _ in w3.socket.process_subscriptions():
                    pass
            except websockets.ConnectionClosedError:
                assert end is cut
            else:
                assert end is leave
            assert not await w3.is_connected()
            await w3.provider.disconnect()


@scenario
async def it_connects_again():
    """An iteration over ``AsyncWeb3`` is one over connections."""
    connections = []

    async def leave(connection):
        if len(connections) == 1:
            connection.transport.abort()

    async def peer(connection):
        connections.append(connection)
        await node(connection, leave)

    async with serving(peer) as address:
        async for w3 in AsyncWeb3(WebSocketProvider(address)):
            try:
                await w3.eth.subscribe("newHeads")
                async for _ in w3.socket.process_subscriptions():
                    if len(connections) == 2:
                        break
                break
            except websockets.ConnectionClosed:
                continue
        assert len(connections) == 2
        await w3.provider.disconnect()


@scenario
async def the_node_refuses():
    async with serving(node, process_request=refusing(403)) as address:
        provider = WebSocketProvider(address, max_connection_retries=1)
        with raises(ProviderConnectionError, websockets.InvalidStatus):
            await AsyncWeb3(provider)


if __name__ == "__main__":
    main()
