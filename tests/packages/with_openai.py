"""
OpenAI's realtime API: ``openai`` subclasses ``websockets.asyncio.client.connect``.

It imports the clients for threads for that as well, and uses them without ``with``.
"""

import asyncio
import json

from loopback import main, raises, refusing, scenario, serving
from openai import AsyncOpenAI, OpenAI
from openai.types.websocket_reconnection import ReconnectingOverrides

import websockets


async def session(connection):
    assert connection.request.path == "/v1/realtime?model=m"
    assert connection.request.headers["Authorization"] == "Bearer key"
    session = {"type": "realtime", "instructions": "é" * 200_000}
    created = {"type": "session.created", "event_id": "1", "session": session}
    await connection.send(json.dumps(created))
    async for message in connection:
        told = json.loads(message)
        if told["type"] == "session.update":
            updated = {"type": "session.updated", "event_id": "2", "session": told["session"]}
            await connection.send(json.dumps(updated))
        elif told["type"] == "response.cancel":
            await connection.close(1011, "broken")
        elif told["type"] == "input_audio_buffer.clear":
            connection.transport.abort()
        else:
            error = {"type": "invalid", "message": "no such"}
            await connection.send(json.dumps({"type": "error", "event_id": "3", "error": error}))


def settings(address):
    return {
        "api_key": "key",
        "base_url": f"{address.replace('ws', 'http')}/v1",
        "websocket_base_url": f"{address}/v1",
    }


def redirecting(path):
    def process_request(connection, request):
        if request.path.startswith("/v1/realtime?") and "moved" not in request.path:
            response = connection.respond(307, "")
            response.headers["Location"] = path
            return response

    return process_request


@scenario
async def a_session():
    async with serving(session) as address:
        async with AsyncOpenAI(**settings(address)) as client:
            async with client.realtime.connect(model="m") as connection:
                event = await connection.recv()
                assert event.type == "session.created"
                assert event.session.instructions == "é" * 200_000
                await connection.session.update(session={"type": "realtime"})
                await connection.response.create()
                kinds = []
                async for event in connection:
                    kinds.append(event.type)
                    if event.type == "error":
                        break
                assert kinds == ["session.updated", "error"]
                assert isinstance(await raw(connection), bytes)


async def raw(connection):
    await connection.session.update(session={"type": "realtime"})
    return await connection.recv_bytes()


@scenario
async def the_server_ends():
    async with serving(session) as address:
        async with AsyncOpenAI(**settings(address)) as client:
            async with client.realtime.connect(model="m") as connection:
                await connection.recv()
                await connection.response.cancel()
                with raises(websockets.ConnectionClosedError) as caught:
                    await connection.recv()
                assert caught.exception.rcvd.code == 1011
            async with client.realtime.connect(model="m") as connection:
                await connection.recv()
                await connection.input_audio_buffer.clear()
                with raises(websockets.ConnectionClosedError) as caught:
                    async for _ in connection:
                        pass
                assert caught.exception.rcvd is None


@scenario
async def it_connects_again():
    asked = []

    def reconnecting(event):
        asked.append(event.close_code)
        return ReconnectingOverrides()

    async with serving(session) as address:
        async with AsyncOpenAI(**settings(address)) as client:
            async with client.realtime.connect(
                model="m", on_reconnecting=reconnecting, initial_delay=0.01
            ) as connection:
                kinds = []
                async for event in connection:
                    kinds.append(event.type)
                    if len(kinds) == 1:
                        await connection.input_audio_buffer.clear()
                    else:
                        break
                assert kinds == ["session.created"] * 2
                assert asked == [1006]


@scenario
async def the_server_refuses():
    async with serving(session, process_request=refusing(401)) as address:
        async with AsyncOpenAI(**settings(address)) as client:
            with raises(websockets.InvalidStatus) as caught:
                async with client.realtime.connect(model="m"):
                    pass
            assert caught.exception.response.status_code == 401


@scenario
async def redirects():
    async def moved(connection):
        await connection.send('{"type": "session.created", "event_id": "1", "session": {}}')

    async with serving(moved, process_request=redirecting("/v1/realtime?moved")) as address:
        async with AsyncOpenAI(**settings(address)) as client:
            async with client.realtime.connect(model="m") as connection:
                assert (await connection.recv()).type == "session.created"
    async with serving(moved) as elsewhere:
        async with serving(moved, process_request=redirecting(f"{elsewhere}/moved")) as address:
            async with AsyncOpenAI(**settings(address)) as client:
                with raises(websockets.exceptions.SecurityError):
                    async with client.realtime.connect(model="m"):
                        pass


@scenario
async def a_thread():
    def talk(address):
        with OpenAI(**settings(address)) as client:
            with client.realtime.connect(model="m") as connection:
                assert connection.recv().session.instructions == "é" * 200_000
                connection.response.create()
                assert connection.recv().type == "error"
                connection.response.cancel()
                with raises(websockets.ConnectionClosedError) as caught:
                    for _ in connection:
                        pass
                assert caught.exception.rcvd.code == 1011

    async with serving(session) as address:
        await asyncio.to_thread(talk, address)
    async with serving(session, process_request=refusing(401)) as address:
        with raises(websockets.InvalidStatus):
            await asyncio.to_thread(talk, address)


if __name__ == "__main__":
    main()
