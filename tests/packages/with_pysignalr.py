"""
SignalR: ``pysignalr`` puts an ``__aiter__`` of its own on ``websockets.asyncio.client.connect``.

That iterates over connections by ``async with`` on one and the same object.
"""

import asyncio
import contextlib
import json

from loopback import main, raises, refusing, scenario, serving
from pysignalr.exceptions import NegotiationFailure
from pysignalr.messages import InvocationMessage
from pysignalr.protocol.json import JSONProtocol
from pysignalr.transport.abstract import ConnectionState
from pysignalr.transport.websocket import WebsocketTransport

SEPARATOR = "\x1e"


async def begin(connection):
    handshake = await connection.recv()
    assert json.loads(handshake.rstrip(SEPARATOR)) == {"protocol": "json", "version": 1}
    await connection.send("{}" + SEPARATOR)


async def invoke(connection, *arguments):
    message = {"type": 1, "target": "tell", "arguments": arguments}
    await connection.send(json.dumps(message) + SEPARATOR)


@contextlib.asynccontextmanager
async def transport_to(address, **options):
    """Run a transport; ``heard`` is the queue of what it is told."""
    heard = asyncio.Queue()

    async def callback(message):
        if isinstance(message, InvocationMessage):
            heard.put_nowait(message.arguments)

    transport = WebsocketTransport(
        address, JSONProtocol(), callback, {"X-Key": "1"}, skip_negotiation=True, **options
    )
    transport.heard = heard
    transport.running = asyncio.ensure_future(transport.run())
    try:
        yield transport
    finally:
        transport.running.cancel()
        await asyncio.wait([transport.running])


@scenario
async def invocations_both_ways():
    async def peer(connection):
        assert connection.request.headers["X-Key"] == "1"
        await begin(connection)
        await invoke(connection, "é" * 100_000)
        async for message in connection:
            told = json.loads(message.rstrip(SEPARATOR))
            await invoke(connection, *told["arguments"])

    async with serving(peer) as address, transport_to(address) as transport:
        assert await transport.heard.get() == ["é" * 100_000]
        await transport.send(InvocationMessage("1", "say", ["hello", 1]))
        assert await transport.heard.get() == ["hello", 1]


@scenario
async def it_connects_again():
    async def cut(connection):
        connection.transport.abort()

    async def fail(connection):
        await connection.close(1011)

    async def leave(connection):
        await connection.close()

    for end in cut, fail, leave:
        connections = []

        async def peer(connection, end=end, connections=connections):
            connections.append(connection)
            await begin(connection)
            await invoke(connection, len(connections))
            if len(connections) < 3:
                await end(connection)
            await connection.wait_closed()

        async with serving(peer) as address, transport_to(address) as transport:
            while await transport.heard.get() != [3]:
                pass
            assert len(connections) == 3
            assert transport._state is ConnectionState.connected


@scenario
async def the_server_refuses():
    async with serving(begin, process_request=refusing(403)) as address:
        async with transport_to(address, retry_count=1) as transport:
            with raises(NegotiationFailure):
                await transport.running


if __name__ == "__main__":
    main()
