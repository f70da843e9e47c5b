"""LangGraph's event streams over WebSocket, from coroutines and from threads."""

import asyncio
import json

import httpx
from loopback import main, raises, refusing, scenario, serving

import websockets

PATH = "/threads/t/stream/events"


def event(number, text="x"):
    return {"type": "event", "method": "values", "seq": number, "params": {"data": {"text": text}}}


async def events(connection):
    """Take the subscription, and tell what it asks for in its first channel."""
    assert connection.request.path == PATH
    assert connection.request.headers["X-Key"] == "1"
    told = json.loads(await connection.recv())
    assert told["method"] == "subscription.subscribe"
    wish = told["params"]["channels"][0]
    for number in range(3):
        await connection.send(json.dumps(event(number, "é" * 100_000)))
    if wish == "cut":
        connection.transport.abort()
    elif wish == "fail":
        await connection.close(4404, "no such thread")
    elif wish == "end":
        await connection.close()
    else:
        await connection.wait_closed()
        assert connection.close_code == 1000


async def stream(address, wish, count=None):
    """Return the events that came, at most so many, and the error that the stream ended with."""
    from langgraph_sdk.stream.transport import ProtocolWebSocketTransport

    async with httpx.AsyncClient(base_url=address.replace("ws", "http")) as client:
        transport = ProtocolWebSocketTransport(
            client=client, thread_id="t", headers={"X-Key": "1"}, ping_interval=0.01
        )
        handle = transport.open_event_stream({"channels": [wish]})
        await handle.ready
        told = []
        async for item in handle.events:
            told.append(item)
            if len(told) == count:
                break
        await handle.close()
        await transport.close()
        return told, handle.done.result()


@scenario
async def a_stream():
    async with serving(events) as address:
        told, _ = await stream(address, "values", 3)
        assert told == [event(number, "é" * 100_000) for number in range(3)]


@scenario
async def the_server_ends():
    async with serving(events) as address:
        told, error = await stream(address, "end")
        assert len(told) == 3 and error is None
        told, error = await stream(address, "fail")
        assert len(told) == 3 and error.rcvd.code == 4404
        told, error = await stream(address, "cut")
        assert len(told) == 3 and isinstance(error, websockets.ConnectionClosedError)
        assert error.rcvd is None


@scenario
async def the_server_refuses():
    async with serving(events, process_request=refusing(404)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await stream(address, "values")
        assert caught.exception.response.status_code == 404


@scenario
async def a_thread():
    def talk(address, wish, count=None):
        from langgraph_sdk.stream.transport import SyncProtocolWebSocketTransport

        with httpx.Client(base_url=address.replace("ws", "http")) as client:
            transport = SyncProtocolWebSocketTransport(
                client=client, thread_id="t", headers={"X-Key": "1"}
            )
            handle = transport.open_event_stream({"channels": [wish]})
            told = []
            for item in handle.events:
                told.append(item)
                if len(told) == count:
                    break
            error = handle.error()
            handle.close()
            transport.close()
            return told, error

    async with serving(events) as address:
        told, _ = await asyncio.to_thread(talk, address, "values", 3)
        assert told == [event(number, "é" * 100_000) for number in range(3)]
        told, error = await asyncio.to_thread(talk, address, "end")
        assert len(told) == 3 and error is None
        with raises(websockets.ConnectionClosedError) as caught:
            await asyncio.to_thread(talk, address, "fail")
        assert caught.exception.rcvd.code == 4404


if __name__ == "__main__":
    main()
