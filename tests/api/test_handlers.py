"""
Handlers and factories of many kinds.
"""

import asyncio
import functools
import logging
import types

import pytest
from peer import hold, port_of, uri_of

import websockets


async def one(ws):
    await ws.send(ws.path)


async def two(ws, path):
    await ws.send(path)


async def three(greeting, ws, path):
    await ws.send(path)


async def optional(ws, path=None, *, flag=False):
    await ws.send(path)


class CallableObject:
    async def __call__(self, ws, path):
        await ws.send(path)

    async def method(self, ws, path):
        await ws.send(path)

    async def method_of_one(self, ws):
        await ws.send(ws.path)

    async def optional(self, ws, path=None):
        await ws.send(path)

    @staticmethod
    async def static(ws, path):
        await ws.send(path)

    @classmethod
    async def of_class(cls, ws):
        await ws.send(ws.path)


class OfOneArgument:
    async def __call__(self, ws):
        await ws.send(ws.path)


@types.coroutine
def old_coroutine(ws, path):
    yield from ws.send(path).__await__()


@functools.wraps(one)
async def wrapped(*args):
    await one(*args[:1])


HANDLERS = {
    "one argument": one,
    "two arguments": two,
    "partial": functools.partial(three, "hello"),
    "partial by name": functools.partial(optional, flag=True),
    "optional": optional,
    "lambda": lambda ws, path: two(ws, path),
    "lambda of one": lambda ws: one(ws),
    "object": CallableObject(),
    "object of one": OfOneArgument(),
    "method": CallableObject().method,
    "method of one": CallableObject().method_of_one,
    "optional of a method": CallableObject().optional,
    "static method": CallableObject.static,
    "class method": CallableObject.of_class,
    "any arguments": lambda *args: two(*args),
    "decorated": wrapped,
    "generator": old_coroutine,
}


@pytest.mark.parametrize("kind", HANDLERS)
async def test_handlers(kind):
    async with websockets.serve(HANDLERS[kind], "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server, "/path")) as ws:
            assert await ws.recv() == "/path"
            with pytest.raises(websockets.ConnectionClosedOK):
                await ws.recv()


class MarkedServer(websockets.WebSocketServerProtocol):
    def __init__(self, *args, mark="plain", **kwargs):
        super().__init__(*args, **kwargs)
        self.mark = mark


class MarkedClient(websockets.WebSocketClientProtocol):
    def __init__(self, *args, mark="plain", **kwargs):
        super().__init__(*args, **kwargs)
        self.mark = mark


FACTORIES = {
    "class": (lambda cls: cls, "plain"),
    "partial": (lambda cls: functools.partial(cls, mark="partial"), "partial"),
    "function": (lambda cls: lambda *args, **kwargs: cls(*args, mark="made", **kwargs), "made"),
}


@pytest.mark.parametrize("spelling", ["create_protocol", "klass"])
@pytest.mark.parametrize("kind", FACTORIES)
async def test_factories(kind, spelling):
    factory, mark = FACTORIES[kind]

    async def handler(ws, path):
        await ws.send(ws.mark)

    async with websockets.serve(
        handler, "127.0.0.1", 0, **{spelling: factory(MarkedServer)}
    ) as server:
        async with websockets.connect(uri_of(server), **{spelling: factory(MarkedClient)}) as ws:
            assert await ws.recv() == mark
            assert ws.mark == mark


@pytest.mark.parametrize("handler", [lambda: None, lambda ws, path, more: None])
async def test_a_handler_that_cannot_be_called_is_logged_and_closes_with_1011(handler, caplog):
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
    assert error.value.code == 1011
    assert [record.exc_info[0] for record in caplog.records] == [TypeError]


async def test_a_handler_that_fails_is_logged_once_and_closes_with_1011(caplog):
    async def handler(ws, path):
        raise ZeroDivisionError("on purpose")

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await ws.recv()
    assert error.value.code == 1011
    [record] = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert record.name == "websockets.server" and record.exc_info[0] is ZeroDivisionError


async def test_a_handler_that_its_connection_ends_under_is_no_error(caplog):
    async def handler(ws, path):
        while True:
            await ws.recv()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        for code in (1000, 4000):
            ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
            await ws.close(code)
        ws = await websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
        ws.transport.abort()
        await ws.wait_closed()
    assert not caplog.records


async def test_cancelling_a_handler_tells_the_client_and_ends_the_connection():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            [protocol] = server.websockets
            protocol.handler_task.cancel()
            with pytest.raises(websockets.ConnectionClosedOK) as error:
                await ws.recv()
            assert error.value.code == 1001
            await asyncio.wait([protocol.handler_task])
            assert protocol.handler_task.cancelled()
