"""
Which library compresses, as a program chooses it.
"""

import types
import zlib

import pytest
from peer import both_ends
from zlibs import OTHERS, other

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
    set_zlib_backend,
)
from websockets.framing import OP_BINARY, Frame

pytestmark = pytest.mark.usefixtures("put_back")


@pytest.fixture
def put_back():
    yield
    set_zlib_backend(zlib)


def imitation(**changes):
    """Return a module that is zlib under another name, but for changes."""
    module = types.ModuleType("imitation")
    module.__dict__.update({name: getattr(zlib, name) for name in dir(zlib) if name[0] != "_"})
    module.__dict__.update(changes)
    return module


def counting(calls):
    """Return a module that notes the levels at which it compresses."""

    def compressobj(level=-1, *args, **kwargs):
        calls.append(level)
        return zlib.compressobj(level, *args, **kwargs)

    return imitation(compressobj=compressobj)


def compressed(extension, message):
    return extension.encode(Frame(True, OP_BINARY, message)).data


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("settings", [{}, {"compress_settings": {"level": 3}}])
@pytest.mark.parametrize("forget", [False, True])
async def test_echoes_with_each_library(name, settings, forget):
    set_zlib_backend(other(name))
    server = ServerPerMessageDeflateFactory(forget, forget, **settings)
    client = ClientPerMessageDeflateFactory(**settings)
    async with both_ends({"extensions": [server]}, extensions=[client]) as (here, there):
        for text in ["", "a", "Hello" * 100, "".join(map(str, range(40_000)))] * 2:
            for sender, receiver in [(here, there), (there, here)]:
                await sender.send(text)
                assert await receiver.recv() == text
                await sender.send([text, "", text])
                assert await receiver.recv() == 2 * text


@pytest.mark.parametrize("name", OTHERS)
async def test_what_cannot_be_decompressed_is_a_violation(name):
    async def handler(ws, path):
        await ws.send(b"")

    class Garbage(PerMessageDeflate):
        def encode(self, frame, **kwargs):
            return frame._replace(data=b"\xff" * 20, rsv1=True) if frame.opcode < 8 else frame

    class GarbageFactory(ServerPerMessageDeflateFactory):
        def process_request_params(self, params, accepted_extensions):
            answer, _ = super().process_request_params(params, accepted_extensions)
            return answer, Garbage(False, False, 15, 15)

    set_zlib_backend(other(name))
    async with websockets.serve(handler, "127.0.0.1", 0, extensions=[GarbageFactory()]) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}") as ws:
            with pytest.raises(websockets.ConnectionClosedError) as raised:
                await ws.recv()
    assert raised.value.code == 1006
    assert isinstance(raised.value.__cause__, (websockets.ProtocolError, type(None)))


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("size", [1_000_000, 30_000_000])
async def test_max_size_holds_with_each_library(name, size):
    set_zlib_backend(other(name))
    async with both_ends({"max_size": 999_999}) as (server, client):
        await client.send(bytes(size))
        with pytest.raises(websockets.ConnectionClosedError):
            await server.recv()
        with pytest.raises(websockets.ConnectionClosedError) as raised:
            await client.recv()
        assert raised.value.code == 1009
        assert server.closed


def test_what_is_there_keeps_its_library():
    message = b"Hello" * 100
    connection = PerMessageDeflate(False, False, 15, 15)
    factory = ServerPerMessageDeflateFactory()
    calls = []
    set_zlib_backend(counting(calls))
    calls.clear()
    compressed(connection, message)
    compressed(factory.process_request_params([], [])[1], message)
    assert calls == []
    compressed(PerMessageDeflate(False, False, 15, 15), message)
    factory = ServerPerMessageDeflateFactory()
    calls.clear()
    set_zlib_backend(zlib)
    compressed(factory.process_request_params([], [])[1], message)
    assert calls == [1]
    compressed(PerMessageDeflate(False, False, 15, 15), message)
    assert calls == [1]


def test_settings_are_those_of_the_library():
    isal = other("isal")
    ServerPerMessageDeflateFactory(compress_settings={"level": 9})
    set_zlib_backend(isal)
    for factory in [ServerPerMessageDeflateFactory, ClientPerMessageDeflateFactory]:
        with pytest.raises(ValueError, match="level"):
            factory(compress_settings={"level": 9})
        factory(compress_settings={"level": 3})


def test_defaults_are_those_of_the_library():
    calls = []
    module = counting(calls)
    module.Z_DEFAULT_COMPRESSION = 5
    set_zlib_backend(module)
    extension = PerMessageDeflate(False, False, 15, 15, {"memLevel": 9})
    calls.clear()
    compressed(extension, b"Hello")
    assert calls == [5]


@pytest.mark.parametrize("name", OTHERS)
def test_default_settings_of_each_library(name):
    set_zlib_backend(other(name))
    extension, peer = (PerMessageDeflate(False, False, 15, 15, {"memLevel": 9}) for _ in range(2))
    sent = extension.encode(Frame(True, OP_BINARY, b"Hello" * 100))
    assert len(sent.data) < 100
    assert peer.decode(sent).data == b"Hello" * 100


NEEDED = ["compressobj", "decompressobj", "error", "Z_SYNC_FLUSH", "Z_DEFAULT_COMPRESSION"]


@pytest.mark.parametrize("name", NEEDED)
def test_a_module_that_lacks_something(name):
    module = imitation()
    delattr(module, name)
    with pytest.raises(TypeError, match=f"interface of zlib.* {name}"):
        set_zlib_backend(module)


@pytest.mark.parametrize("wrong", [None, "zlib", websockets])
def test_what_is_no_such_module(wrong):
    with pytest.raises(TypeError, match="interface of zlib"):
        set_zlib_backend(wrong)


class Stream:
    """A stream that returns what it gets."""

    eof, unused_data = False, b""

    def compress(self, data):
        return bytes(data)

    def decompress(self, data, limit=0):
        return bytes(data)

    def flush(self, mode):
        return b""


@pytest.mark.parametrize(
    "changes",
    [
        {"compressobj": lambda *args: Stream()},
        {"decompressobj": lambda *args: Stream()},
        {"compressobj": lambda *args: Stream(), "decompressobj": lambda *args: Stream()},
        {"compressobj": lambda: None},
        {"Z_SYNC_FLUSH": zlib.Z_FINISH},
    ],
)
def test_a_module_that_does_not_work_changes_nothing(changes):
    calls = []
    set_zlib_backend(counting(calls))
    with pytest.raises(ValueError, match="doesn't work as zlib does"):
        set_zlib_backend(imitation(**changes))
    calls.clear()
    compressed(PerMessageDeflate(False, False, 15, 15), b"Hello")
    assert calls == [1]


def test_a_module_whose_error_is_another_one():
    class Strict(Stream):
        def __init__(self, *args):
            self.stream = zlib.decompressobj(*args)

        def decompress(self, data, limit=0):
            try:
                return self.stream.decompress(data, limit)
            except zlib.error as exc:
                raise OSError(str(exc)) from None

    with pytest.raises(ValueError, match="doesn't work as zlib does"):
        set_zlib_backend(imitation(decompressobj=Strict))
    with pytest.raises(TypeError, match="error must be a class of exceptions"):
        set_zlib_backend(imitation(error="OSError"))
    set_zlib_backend(imitation(decompressobj=Strict, error=OSError))
