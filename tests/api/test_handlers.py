"""
Handlers and factories of many kinds.
"""

import functools
import types

import pytest
from peer import uri_of

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

    @staticmethod
    async def static(ws, path):
        await ws.send(path)

    @classmethod
    async def of_class(cls, ws):
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
    "method": CallableObject().method,
    "method of one": CallableObject().method_of_one,
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
