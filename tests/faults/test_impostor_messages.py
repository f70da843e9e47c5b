"""
Messages that aren't what they say, sent by a program: what leaves is what they are, or an error.

A subclass of str may have any encode(), one of bytes any __bytes__(): the process must outlive it.
"""

import zlib

import pytest
from held import SIDES, held, in_threads
from peer import BINARY, CLOSE, PING, PONG, TEXT, both_sides, close_payload

import websockets


class Text(str):
    def encode(self, *args, **kwargs):
        return b"?"


class Bytes(bytes):
    def __bytes__(self):
        return b"?"


class Array(bytearray):
    def __bytes__(self):
        return b"?"


@both_sides
@pytest.mark.parametrize("text", ["\ud800", "\U0001f600\udfff", "x" * 100_000 + "\ud800"])
async def test_surrogates_are_refused_whatever_encode_says(connection, text):
    async with connection() as (ws, peer):
        with pytest.raises(UnicodeEncodeError):
            await ws.send(Text(text))
        await ws.send("whole")
        assert await peer.read() == (0x80 | TEXT, b"whole")


@both_sides
@pytest.mark.parametrize("text", ["plain", "caf\xe9", "\u20ac", "\U0001f600"])
async def test_a_text_is_its_characters(connection, text):
    async with connection() as (ws, peer):
        await ws.send(Text(text))
        assert await peer.read() == (0x80 | TEXT, text.encode())


@both_sides
@pytest.mark.parametrize("kind", [Bytes, Array])
async def test_a_binary_message_is_its_bytes(connection, kind):
    async with connection() as (ws, peer):
        await ws.send(kind(b"bytes"))
        assert await peer.read() == (0x80 | BINARY, b"bytes")


@pytest.mark.parametrize("message", [Text("caf\xe9" * 100), Bytes(b"b" * 100), Array(b"a" * 100)])
async def test_they_are_compressed_as_what_they_are(message):
    async def handler(ws, path):
        await ws.send(message, compress=True)

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}") as ws:
            assert await ws.recv() == message


impostors = pytest.mark.parametrize(
    ("opcode", "message", "payload"),
    [
        (TEXT, Text("caf\xe9" * 10), "caf\xe9".encode() * 10),
        (BINARY, Bytes(b"b" * 100), b"b" * 100),
        (BINARY, Array(b"a" * 100), b"a" * 100),
    ],
    ids=["str", "bytes", "bytearray"],
)


@both_sides
@impostors
async def test_they_are_what_they_are_in_every_frame(connection, opcode, message, payload):
    async with connection() as (ws, peer):
        await ws.send([message, message])
        assert [await peer.read() for _ in range(3)] == [
            (opcode, payload),
            (0, payload),
            (0x80, b""),
        ]
        websockets.broadcast([ws], message)
        assert await peer.read() == (0x80 | opcode, payload)
        await ws.ping(message)
        assert await peer.read() == (0x80 | PING, payload)
        await ws.pong(message)
        assert await peer.read() == (0x80 | PONG, payload)
        peer.send(CLOSE, close_payload(1000))
        await ws.close()


@both_sides
async def test_a_close_reason_is_its_characters(connection):
    async with connection() as (ws, peer):
        peer.send(CLOSE, close_payload(1000))
        ws.fail_connection(1011, Text("caf\xe9"))
        assert await peer.read_close() == (1011, "caf\xe9")


@pytest.mark.parametrize("side", SIDES)
@impostors
async def test_a_thread_compresses_what_they_are(side, opcode, message, payload):
    async with held(side, **in_threads(side)) as one:
        await one.ws.send(type(message)(message * 3))
        [sent] = one.transport.messages
        assert zlib.decompressobj(-15).decompress(sent + b"\0\0\xff\xff") == payload * 3
