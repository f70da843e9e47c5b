"""Speech to text: ``deepgram`` on asyncio with the older API, ``extra_headers`` included."""

import asyncio
import inspect
import json

from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from loopback import main, raises, refusing, scenario, serving

import websockets


def client_of(address):
    names = inspect.signature(DeepgramClientEnvironment.__init__).parameters
    everywhere = {name: address for name in names if name != "self"}
    return AsyncDeepgramClient(api_key="key", environment=DeepgramClientEnvironment(**everywhere))


async def peer(connection):
    """Count the bytes of audio; say so when it is told to finalize."""
    assert connection.request.path == "/v1/listen?model=nova-3"
    assert connection.request.headers["Authorization"] == "Token key"
    taken = 0
    async for message in connection:
        if isinstance(message, bytes):
            taken += len(message)
            continue
        kind = json.loads(message)["type"]
        if kind == "CloseStream":
            await connection.close()
        elif kind == "KeepAlive":
            connection.transport.abort()
        else:
            text = {"transcript": str(taken), "confidence": 1.0, "words": []}
            model = {"name": "nova-3", "version": "1", "arch": "a"}
            answer = {
                "type": "Results",
                "channel_index": [0, 1],
                "duration": 1.0,
                "start": 0.0,
                "is_final": True,
                "channel": {"alternatives": [text]},
                "metadata": {"request_id": "r", "model_info": model, "model_uuid": "m"},
            }
            await connection.send(json.dumps(answer))


async def listen(address, ends):
    """Send audio, and take all events until the connection ends; return them."""
    told = []
    async with client_of(address).listen.v1.connect(model="nova-3") as connection:
        answered = asyncio.Event()
        connection.on(EventType.OPEN, lambda _: told.append("open"))
        connection.on(EventType.ERROR, told.append)
        connection.on(EventType.CLOSE, lambda _: told.append("close"))

        def hear(message):
            told.append(message.channel.alternatives[0].transcript)
            answered.set()

        connection.on(EventType.MESSAGE, hear)
        listening = asyncio.create_task(connection.start_listening())
        for _ in range(100):
            await connection.send_media(bytes(10_000))
        await connection.send_finalize()
        await answered.wait()
        await ends(connection)
        await listening
    return told


@scenario
async def a_session():
    async with serving(peer) as address:
        told = await listen(address, lambda connection: connection.send_close_stream())
        assert told == ["open", "1000000", "close"], told


@scenario
async def it_breaks_off():
    async with serving(peer) as address:
        told = await listen(address, lambda connection: connection.send_keep_alive())
        assert isinstance(told.pop(2), websockets.ConnectionClosedError)
        assert told == ["open", "1000000", "close"], told


@scenario
async def the_server_refuses():
    async with serving(peer, process_request=refusing(401)) as address:
        with raises(ApiError) as caught:
            async with client_of(address).listen.v1.connect(model="nova-3"):
                pass
        assert caught.exception.status_code == 401


@scenario
async def nobody_serves():
    async with serving(peer) as address:
        pass
    with raises(OSError):
        async with client_of(address).listen.v1.connect(model="nova-3"):
            pass


if __name__ == "__main__":
    main()
