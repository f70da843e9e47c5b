"""Calls and topics: a client on ``websockets``, and a server on FastAPI and uvicorn."""

import asyncio
import contextlib

import uvicorn
from fastapi import FastAPI
from fastapi_websocket_pubsub import PubSubClient, PubSubEndpoint
from fastapi_websocket_rpc import RpcMethodsBase, WebSocketRpcClient, WebsocketRPCEndpoint
from loopback import main, raises, refusing, scenario, serving

import websockets


class Methods(RpcMethodsBase):
    async def join(self, a="", b=""):
        return a + b


@contextlib.asynccontextmanager
async def application(implementation):
    """Serve calls and topics; give the address, and what publishes."""
    app = FastAPI()
    WebsocketRPCEndpoint(Methods()).register_route(app, "/ws")
    topics = PubSubEndpoint()
    topics.register_route(app, "/pubsub")
    config = uvicorn.Config(app, port=0, log_level="warning", ws=implementation)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}", topics
    finally:
        server.should_exit = True
        await running


def calling(address, **options):
    return WebSocketRpcClient(f"{address}/ws", RpcMethodsBase(), retry_config=False, **options)


@scenario
async def calls():
    for implementation in "websockets", "websockets-sansio":
        async with application(implementation) as (address, _):
            async with calling(address, max_size=2**24) as client:
                answer = await client.other.join(a="é" * 1_000_000, b="!")
                assert answer.result == "é" * 1_000_000 + "!"


@scenario
async def topics_both_ways():
    for implementation in "websockets", "websockets-sansio":
        async with application(implementation) as (address, topics):
            heard = asyncio.Queue()

            async def hear(topic, data, heard=heard):
                heard.put_nowait((topic, data))

            client = PubSubClient(["news"], callback=hear)
            async with client:
                client.start_client(f"{address}/pubsub")
                await client.wait_until_ready()
                await topics.publish(["news"], data={"number": 1})
                assert await heard.get() == ("news", {"number": 1})
                async with PubSubClient() as other:
                    other.start_client(f"{address}/pubsub")
                    await other.wait_until_ready()
                    assert (await other.publish(["news"], data="text")).result
                assert await heard.get() == ("news", "text")


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(403)) as address:
        with raises(websockets.InvalidStatus) as caught:
            async with calling(address):
                pass
        assert caught.exception.response.status_code == 403
    with raises(OSError):
        async with calling(address):
            pass


@scenario
async def the_connection_breaks_off():
    async def peer(connection):
        await connection.recv()
        connection.transport.abort()

    async with serving(peer) as address:
        with raises(Exception):
            async with calling(address) as client:
                await client.other.join(a="a")


if __name__ == "__main__":
    main()
