"""Slack's socket mode: ``slack_sdk`` tests ``closed`` of a session, and replaces those that ended."""

import asyncio
import json

from loopback import answering, main, raises, refusing, scenario, serving
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.socket_mode.websockets import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

import websockets


def client_of(http, **options):
    web = AsyncWebClient(token="xoxb-1", base_url=f"{http}/api/")
    return SocketModeClient(app_token="xapp-1", web_client=web, **options)


def opening(address):
    """Return what Slack's API says when it is asked where to connect to."""
    return {"/api/apps.connections.open": {"ok": True, "url": f"{address}/link/?ticket=1"}}


@scenario
async def events_are_acknowledged():
    acknowledged = asyncio.Queue()

    async def peer(connection):
        assert connection.request.path == "/link/?ticket=1"
        await connection.send('{"type": "hello"}')
        event = {"text": "é" * 50_000}
        envelope = {"type": "events_api", "envelope_id": "e1", "payload": event}
        await connection.send(json.dumps(envelope))
        async for message in connection:
            acknowledged.put_nowait(json.loads(message))
        assert connection.close_code == 1000

    async def listener(client, request):
        assert request.type == "events_api" and len(request.payload["text"]) == 50_000
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))

    async with serving(peer) as address, answering(opening(address)) as http:
        client = client_of(http)
        client.socket_mode_request_listeners.append(listener)
        await client.connect()
        assert (await acknowledged.get())["envelope_id"] == "e1"
        await client.send_message('{"number": 1}')
        assert await acknowledged.get() == {"number": 1}
        assert await client.is_connected()
        await client.disconnect()
        assert not await client.is_connected()
        await client.close()


@scenario
async def a_session_that_ended_is_replaced():
    async def cut(connection):
        connection.transport.abort()

    async def fail(connection):
        await connection.close(1011)

    async def leave(connection):
        await connection.close()

    for end in cut, fail, leave:
        connections = asyncio.Queue()
        seen = []

        async def peer(connection, end=end, seen=seen, connections=connections):
            seen.append(connection)
            connections.put_nowait(connection)
            if len(seen) == 1:
                await end(connection)
            await connection.send('{"type": "hello"}')
            await connection.wait_closed()

        heard = asyncio.Event()

        async def listener(client, message, raw, heard=heard):
            if message.get("type") == "hello":
                heard.set()

        async with serving(peer) as address, answering(opening(address)) as http:
            client = client_of(http, ping_interval=0.05)
            client.message_listeners.append(listener)
            await client.connect()
            for _ in range(2):
                await connections.get()
            await heard.wait()
            assert await client.is_connected()
            await client.close()


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with (
        serving(peer, process_request=refusing(403)) as address,
        answering(opening(address)) as http,
    ):
        client = client_of(http)
        with raises(websockets.InvalidStatus) as caught:
            await client.connect()
        assert caught.exception.response.status_code == 403
        await client.close()


@scenario
async def a_message_after_the_end():
    async def peer(connection):
        await connection.close(1013, "later")

    async with serving(peer) as address, answering(opening(address)) as http:
        client = client_of(http)
        await client.connect()
        await client.current_session.wait_closed()
        assert not await client.is_connected()
        with raises(websockets.ConnectionClosedError) as caught:
            await client.send_message("late")
        assert (caught.exception.rcvd.code, caught.exception.rcvd.reason) == (1013, "later")
        await client.close()


if __name__ == "__main__":
    main()
