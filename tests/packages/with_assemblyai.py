"""Speech to text: ``assemblyai`` in threads, one that sends and one that receives, and on asyncio."""

import asyncio
import contextlib
import json
import logging
import queue
import threading

from assemblyai.streaming.v3 import RealTimeEvents, RealTimeParameters, async_client, client
from loopback import main, refusing, scenario, serving

logging.disable(logging.CRITICAL)  # It logs each of the ends below, with a traceback.


async def peer(connection):
    """Begin a session; answer what comes until it ends, cut off, refused or as it should."""
    assert connection.request.headers["Authorization"] == "key"

    async def say(kind, **values):
        await connection.send(json.dumps({"type": kind, **values}))

    await say("Begin", id="1b1e2a1c-0000-4000-8000-000000000000", expires_at=1_900_000_000)
    taken = 0
    async for message in connection:
        if message == b"cut":
            connection.transport.abort()
        elif message == b"refuse":
            await connection.close(4001, "not authorized")
        elif isinstance(message, bytes):
            taken += len(message)
        elif json.loads(message)["type"] == "ForceEndpoint":
            text = {"transcript": str(taken), "end_of_turn_confidence": 1.0, "words": []}
            await say("Turn", turn_order=0, turn_is_formatted=True, end_of_turn=True, **text)
        elif json.loads(message)["type"] == "Terminate":
            await say("Termination", audio_duration_seconds=1, session_duration_seconds=1)
            await connection.close()


@contextlib.contextmanager
def serving_in_a_thread(**options):
    """Serve where the program doesn't run; give the address."""
    addresses = queue.Queue()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve():
        async with serving(peer, **options) as address:
            addresses.put(address)
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        yield addresses.get()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def listening(module, kind, address):
    """Make a client, and a queue of what it is told; it would use TLS to any host but its own."""
    module._build_uri = lambda host, parameters: f"{address}/v3/ws"
    options = client.RealTimeTranscriberOptions(api_key="key", max_connection_retries=0)
    made, told = kind(options), queue.Queue()
    for event in RealTimeEvents:
        made.on(event, lambda _, message: told.put(message))
    return made, told


def in_threads(address):
    return listening(client, client.RealTimeTranscriber, address)


def on_asyncio(address):
    return listening(async_client, async_client.AsyncRealTimeTranscriber, address)


parameters = RealTimeParameters(sample_rate=16000, speech_model="u3-rt-pro")


@scenario
def a_session_in_threads():
    with serving_in_a_thread() as address:
        made, told = in_threads(address)
        made.connect(parameters)
        assert told.get().type == "Begin"
        made.stream([bytes(3200)] * 100)
        made.force_endpoint()
        assert told.get().transcript == "320000"
        made.disconnect(terminate=True)
        assert told.get().type == "Termination"
        assert told.empty()


@scenario
def its_ends_in_threads():
    for last, code in (b"cut", 1006), (b"refuse", 4001):
        with serving_in_a_thread() as address:
            made, told = in_threads(address)
            made.connect(parameters)
            assert told.get().type == "Begin"
            made.stream(last)
            assert told.get().code == code
            made.disconnect()
    with serving_in_a_thread(process_request=refusing(401)) as address:
        made, told = in_threads(address)
        made.connect(parameters)
        assert told.get().code == 401
    made, told = in_threads(address)
    made.connect(parameters)
    assert "refused" in str(told.get())


@scenario
async def a_session_on_asyncio():
    async with serving(peer) as address:
        made, told = on_asyncio(address)
        async with made:
            await made.connect(parameters)
            await made.stream(bytes(320000))
            await made.force_endpoint()
            while told.qsize() < 2:
                await asyncio.sleep(0.01)
            await made.disconnect(terminate=True)
        assert [told.get().type for _ in range(3)] == ["Begin", "Turn", "Termination"]


@scenario
async def its_ends_on_asyncio():
    for last, code in (b"cut", 1006), (b"refuse", 4001):
        async with serving(peer) as address:
            made, told = on_asyncio(address)
            await made.connect(parameters)
            await made.stream(last)
            while told.qsize() < 2:
                await asyncio.sleep(0.01)
            assert told.get().type == "Begin"
            assert told.get().code == code
            await made.disconnect()
    async with serving(peer, process_request=refusing(401)) as address:
        made, told = on_asyncio(address)
        await made.connect(parameters)
        assert told.get().code == 401


if __name__ == "__main__":
    main()
