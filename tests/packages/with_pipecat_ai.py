"""
Pipecat's transports: pipelines that end in a server and in a client.

Their annotations name ``websockets.WebSocketServerProtocol`` and ``websockets.Data`` at run time.
"""

import asyncio
import contextlib
import json
import socket

from loguru import logger
from loopback import main, raises, scenario, serving
from pipecat.frames.frames import InputTransportMessageFrame, OutputTransportMessageFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.client import WebsocketClientParams, WebsocketClientTransport
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.workers.runner import WorkerRunner

import websockets
from websockets.asyncio.client import connect

logger.remove()


class Serializer(FrameSerializer):
    """Messages as JSON: in text, or in binary if they ask for it."""

    async def serialize(self, frame):
        if isinstance(frame, OutputTransportMessageFrame):
            text = json.dumps(frame.message)
            return text.encode() if frame.message.get("binary") else text

    async def deserialize(self, data):
        return InputTransportMessageFrame(message=json.loads(data))


class Ends(FrameProcessor):
    """Tells what comes in, and answers it if it is to."""

    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.heard = asyncio.Queue()

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, InputTransportMessageFrame):
            self.heard.put_nowait(frame.message)
            if self.answers:
                await self.say(frame.message)

    async def say(self, message):
        await self.push_frame(OutputTransportMessageFrame(message=message))


@contextlib.asynccontextmanager
async def pipeline_on(transport, answers):
    """Run a pipeline between the ends of a transport."""
    ends = Ends(answers)
    pipeline = Pipeline([transport.input(), ends, transport.output()])
    worker = PipelineWorker(pipeline, enable_rtvi=False, idle_timeout_secs=None)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.ensure_future(runner.run())
    try:
        yield ends
    finally:
        await runner.cancel()
        await running


def signal_of(transport, event):
    """Return a queue of what the transport tells with this event."""
    told = asyncio.Queue()

    @transport.event_handler(event)
    async def handler(transport, *details):
        told.put_nowait(details)

    return told


@contextlib.asynccontextmanager
async def server(**params):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    transport = SingleClientWebsocketServerTransport(
        SingleClientWebsocketServerParams(serializer=Serializer(), **params), "127.0.0.1", port
    )
    ready = signal_of(transport, "on_websocket_ready")
    transport.gone = signal_of(transport, "on_client_disconnected")
    async with pipeline_on(transport, answers=True):
        await ready.get()
        yield transport, f"ws://127.0.0.1:{port}"


def client(address):
    params = WebsocketClientParams(serializer=Serializer(), additional_headers={"X-Key": "1"})
    return WebsocketClientTransport(address, params)


@scenario
async def a_client_and_a_server():
    async with server() as (_, address):
        transport = client(address)
        connected = signal_of(transport, "on_connected")
        async with pipeline_on(transport, answers=False) as ends:
            await connected.get()
            for message in {"text": "é" * 100_000}, {"binary": True, "text": "é"}:
                await ends.say(message)
                assert await ends.heard.get() == message


@scenario
async def a_server():
    async with server() as (transport, address):
        async with connect(address) as ws:
            await ws.send('{"text": "one"}')
            assert await ws.recv() == '{"text": "one"}'
            # There can be one at a time only.
            async with connect(address) as other:
                with raises(websockets.ConnectionClosedError) as caught:
                    await other.recv()
                assert caught.exception.rcvd.code == 1013
            await (await ws.ping())
        await transport.gone.get()
        async with connect(address) as ws:
            await ws.send('{"text": "two"}')
            assert await ws.recv() == '{"text": "two"}'
            ws.transport.abort()
        await transport.gone.get()


@scenario
async def a_server_with_origins():
    async with server(allowed_origins=["https://example.com"]) as (_, address):
        with raises(websockets.InvalidStatus) as caught:
            await connect(address, origin="https://example.org")
        assert caught.exception.response.status_code == 403
        async with connect(address, origin="https://example.com") as ws:
            await ws.send("{}")
            assert await ws.recv() == "{}"


@scenario
async def a_client_whose_server_ends():
    async def leave(connection):
        await connection.close()

    async def fail(connection):
        await connection.close(1011)

    async def cut(connection):
        connection.transport.abort()

    for end in leave, fail, cut:

        async def peer(connection, end=end):
            assert connection.request.headers["X-Key"] == "1"
            await connection.send('{"text": "last"}')
            await end(connection)

        async with serving(peer) as address:
            transport = client(address)
            gone = signal_of(transport, "on_disconnected")
            async with pipeline_on(transport, answers=False) as ends:
                await gone.get()
                if end is not cut:
                    assert await ends.heard.get() == {"text": "last"}


if __name__ == "__main__":
    main()
