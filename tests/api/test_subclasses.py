"""
Subclasses of the connections' classes: attributes, properties, and any method that they override.

What a class here does on purpose is what some bot does in earnest. Nothing of it may break without a
line in the changelog.
"""

import asyncio
import gc
import logging
import threading
import weakref

import pytest
from peer import echo, hold, uri_of

import websockets
from websockets.exceptions import ConnectionClosed


class Heartbeat(threading.Thread):
    """Sends through the connection from another thread."""

    def __init__(self, ws):
        super().__init__(daemon=True)
        self.ws = ws
        self.latency = 0.25
        self.stopped = threading.Event()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop=self.ws.loop).result(10)

    def run(self):
        self.call(self.ws.send("heartbeat"))
        self.call(self.ws.close(4000))

    def stop(self):
        self.stopped.set()


class Gateway(websockets.client.WebSocketClientProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.max_size = None
        self.heartbeat = None
        self._buffer = bytearray()
        self._dispatch = lambda *args: None

    @classmethod
    async def start(cls, uri, **kwargs):
        ws = await websockets.connect(uri, klass=cls, compression=None, **kwargs)
        ws.token = "token"
        ws.gateway = uri
        ws.shard_id = 1
        ws.seen = []
        ws._dispatch = lambda *args: ws.seen.append(args)
        return ws

    @property
    def latency(self):
        return float("inf") if self.heartbeat is None else self.heartbeat.latency

    async def recv(self):
        message = await super().recv()
        self._dispatch("in", message)
        return message

    async def send(self, data):
        self._dispatch("out", data)
        await super().send(data)

    async def close(self, code=4000, reason=""):
        if self.heartbeat is not None:
            self.heartbeat.stop()
        await super().close(code, reason)

    async def close_connection(self, *args, **kwargs):
        await super().close_connection(*args, **kwargs)
        self.seen.append("closed")


async def test_a_bot():
    codes = []

    async def handler(ws, path):
        await ws.send("hello")
        try:
            async for message in ws:
                await ws.send(f"got {message}")
        except ConnectionClosed as exc:
            codes.append(exc.code)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        ws = await Gateway.start(uri_of(server))
        assert isinstance(ws, Gateway)
        assert ws.latency == float("inf")
        assert ws.max_size is None
        assert ws.loop is asyncio.get_running_loop()
        assert await ws.recv() == "hello"
        await ws.ensure_open()
        await ws.send("message")
        assert await ws.recv() == "got message"
        assert ws.seen == [("in", "hello"), ("out", "message"), ("in", "got message")]
        waiter = ws.loop.create_future()
        ws.loop.call_soon(waiter.set_result, None)
        await waiter

        ws.heartbeat = Heartbeat(ws)
        ws.heartbeat.start()
        assert ws.latency == 0.25
        assert await ws.recv() == "got heartbeat"
        with pytest.raises(ConnectionClosed) as caught:
            await ws.recv()
        assert caught.value.code == 4000
        await asyncio.get_running_loop().run_in_executor(None, ws.heartbeat.join)
        assert ws.heartbeat.stopped.is_set()
        with pytest.raises(ConnectionClosed):
            await ws.ensure_open()
        await ws.close_connection_task
        assert ws.seen[-1] == "closed"
    assert codes == [4000]


async def test_a_message_larger_than_the_default_limit_after_lifting_it():
    async def handler(ws, path):
        await ws.send(b"x" * (2**20 + 1))

    async with websockets.serve(handler, "127.0.0.1", 0, compression=None) as server:
        ws = await Gateway.start(uri_of(server))
        assert len(await ws.recv()) == 2**20 + 1
        await ws.close()


async def test_iteration_uses_the_recv_of_a_subclass():
    async def handler(ws, path):
        for number in range(3):
            await ws.send(str(number))

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        ws = await Gateway.start(uri_of(server))
        assert [message async for message in ws] == ["0", "1", "2"]
        assert ws.seen[:3] == [("in", "0"), ("in", "1"), ("in", "2")]


async def test_a_recv_that_gives_something_else():
    class Upper(websockets.WebSocketServerProtocol):
        async def recv(self):
            return (await super().recv()).upper()

    async with websockets.serve(echo, "127.0.0.1", 0, create_protocol=Upper) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("message")
            assert await ws.recv() == "MESSAGE"


async def test_attributes_of_a_subclass():
    class Protocol(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            self.before = self.name = "set before"
            self.user = None
            self.logger = logging.getLogger("mine")
            self.latency = 0.5
            super().__init__(*args, **kwargs)
            self.after = "set after"

    async def handler(ws, path):
        assert (ws.before, ws.name, ws.after) == ("set before", "set before", "set after")
        assert ws.logger.name == "mine"
        ws.user = await ws.recv()
        await (await ws.ping())
        assert ws.latency == 0.5
        assert vars(ws)["user"] == ws.user
        await ws.send(f"hello {ws.user}")

    async with websockets.serve(handler, "127.0.0.1", 0, create_protocol=Protocol) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.send("somebody")
            assert await ws.recv() == "hello somebody"


async def test_properties_of_a_subclass():
    class Protocol(websockets.WebSocketClientProtocol):
        logger = logging.getLogger("mine")
        name = property(lambda self: "mine")
        latency = property(lambda self: 0.5)

    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), create_protocol=Protocol) as ws:
            await (await ws.ping())
            assert (ws.logger.name, ws.name, ws.latency) == ("mine", "mine", 0.5)


async def test_weak_references_and_sets():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            known, by_connection = weakref.WeakSet([ws]), weakref.WeakKeyDictionary()
            by_connection[ws] = "user"
            assert ws in known and by_connection[ws] == "user"
            assert {ws: 1}[ws] == 1 and ws == ws
        del ws
    gc.collect()
    assert not known and not by_connection


async def test_methods_that_a_server_overrides():
    calls = []

    class Protocol(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            calls.append("connection_made")
            super().connection_made(transport)

        def data_received(self, data):
            calls.append("data_received")
            super().data_received(data)

        async def process_request(self, path, request_headers):
            calls.append("process_request")
            return await super().process_request(path, request_headers)

        @staticmethod
        def process_origin(headers, origins=None):
            calls.append("process_origin")
            return websockets.WebSocketServerProtocol.process_origin(headers, origins)

        def select_subprotocol(self, client_subprotocols, server_subprotocols):
            calls.append("select_subprotocol")
            return server_subprotocols[-1]

        def connection_open(self):
            calls.append("connection_open")
            super().connection_open()

        async def ping(self, data=None):
            calls.append("ping")
            return await super().ping(data)

        async def close(self, code=1000, reason=""):
            calls.append("close")
            await super().close(code, reason or "overridden")

        def connection_lost(self, exc):
            calls.append("connection_lost")
            super().connection_lost(exc)

    async def handler(ws, path):
        await (await ws.ping())

    async with websockets.serve(
        handler, "127.0.0.1", 0, create_protocol=Protocol, subprotocols=["one", "two"]
    ) as server:
        async with websockets.connect(uri_of(server), subprotocols=["one", "two"]) as ws:
            assert ws.subprotocol == "two"
            await ws.wait_closed()
            assert ws.close_reason == "overridden"
    first_calls = list(dict.fromkeys(calls))
    assert first_calls == [
        "connection_made",
        "data_received",
        "process_request",
        "process_origin",
        "select_subprotocol",
        "connection_open",
        "ping",
        "close",
        "connection_lost",
    ]


async def test_fail_connection_that_is_overridden():
    failures = []

    class Protocol(websockets.WebSocketServerProtocol):
        def fail_connection(self, code=1006, reason=""):
            failures.append(code)
            super().fail_connection(code, reason)

    async def handler(ws, path):
        ws.fail_connection(4321, "on purpose")
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, create_protocol=Protocol) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(ConnectionClosed):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (4321, "on purpose")
    assert failures == [4321]


async def test_extra_headers_of_a_client_subclass():
    class Protocol(websockets.WebSocketClientProtocol):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.extra_headers = [*(self.extra_headers or ()), ("X-Mine", "1")]

    async def handler(ws, path):
        await ws.send(ws.request_headers["X-Mine"])

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), create_protocol=Protocol) as ws:
            assert await ws.recv() == "1"
