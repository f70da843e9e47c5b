"""Supabase's channels: ``realtime`` joins, hears broadcasts, and comes back when it is cut off."""

import asyncio
import json

from loopback import main, raises, refusing, scenario, serving
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

import websockets


async def tell(connection, topic, event, payload, ref=None):
    message = {"topic": topic, "event": event, "payload": payload, "ref": ref}
    await connection.send(json.dumps(message))


async def join(connection):
    """Take messages until the client joins a channel, let it in, and return the channel's topic."""
    async for message in connection:
        told = json.loads(message)
        if told["event"] == "phx_join":
            answer = {"status": "ok", "response": {"postgres_changes": []}}
            await tell(connection, told["topic"], "phx_reply", answer, told["ref"])
            return told["topic"]


def states_of():
    """Return a callback for ``subscribe()``, and the queue of what it is told."""
    states = asyncio.Queue()
    return lambda state, error: states.put_nowait((state, error)), states


@scenario
async def broadcasts_both_ways():
    heard = asyncio.Queue()

    async def peer(connection):
        assert connection.request.path.startswith("/realtime/v1/websocket?apikey=token")
        topic = await join(connection)
        payload = {"type": "broadcast", "event": "tick", "payload": {"text": "é" * 100_000}}
        await tell(connection, topic, "broadcast", payload)
        async for message in connection:
            told = json.loads(message)
            if told["event"] == "broadcast":
                heard.put_nowait(told["payload"])
            if told["event"] == "phx_leave":
                answer = {"status": "ok", "response": {}}
                await tell(connection, topic, "phx_reply", answer, told["ref"])
        assert connection.close_code == 1000

    async with serving(peer) as address:
        client = AsyncRealtimeClient(f"{address}/realtime/v1", "token")
        await client.connect()
        told = asyncio.Queue()
        callback, states = states_of()
        channel = client.channel("room").on_broadcast("tick", told.put_nowait)
        await channel.subscribe(callback)
        assert states.get_nowait() == (RealtimeSubscribeStates.SUBSCRIBED, None)
        assert (await told.get())["payload"]["text"] == "é" * 100_000
        await channel.send_broadcast("tock", {"number": 1})
        assert (await heard.get())["payload"] == {"number": 1}
        await client.remove_channel(channel)
        await client.close()
        assert not client.is_connected


@scenario
async def it_joins_again_after_the_connection_ended():
    """By an abrupt end, an error, and an end that is none: each is a path of its own in it."""

    async def cut(connection):
        connection.transport.abort()

    async def fail(connection):
        await connection.close(1011, "broken")

    async def go_away(connection):
        await connection.close(1001)

    for end in cut, fail, go_away:
        connections = []

        async def peer(connection, connections=connections, end=end):
            connections.append(connection)
            await join(connection)
            if len(connections) == 1:
                await end(connection)
            await connection.wait_closed()

        async with serving(peer) as address:
            client = AsyncRealtimeClient(address, initial_backoff=0.01)
            callback, states = states_of()
            await client.channel("room").subscribe(callback)
            assert await states.get() == (RealtimeSubscribeStates.SUBSCRIBED, None)
            state, error = await states.get()
            assert state == RealtimeSubscribeStates.CHANNEL_ERROR
            assert isinstance(error, websockets.ConnectionClosed), repr(error)
            assert isinstance(error, websockets.ConnectionClosedOK) == (end is go_away)
            assert await states.get() == (RealtimeSubscribeStates.SUBSCRIBED, None)
            assert len(connections) == 2
            await client.close()


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(403)) as address:
        client = AsyncRealtimeClient(address, max_retries=2, initial_backoff=0.01)
        with raises(websockets.InvalidStatus) as caught:
            await client.connect()
        assert caught.exception.response.status_code == 403
        assert not client.is_connected


@scenario
async def nobody_serves():
    async def peer(connection):
        pass

    async with serving(peer) as address:
        pass
    with raises(OSError):
        await AsyncRealtimeClient(address, auto_reconnect=False).connect()


if __name__ == "__main__":
    main()
