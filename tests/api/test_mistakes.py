"""
Mistakes that everybody makes once, and what they are told: what was wrong, and what is right.
"""

import asyncio
import zlib

import pytest
from peer import BINARY, CLOSE, both_sides, frame, hold, server_and_peer, uri_of

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

STARTERS = {
    "serve": lambda: websockets.serve(hold, "127.0.0.1", 0),
    "unix_serve": lambda: websockets.unix_serve(hold, "path"),
    "connect": lambda: websockets.connect("ws://localhost/"),
    "unix_connect": lambda: websockets.unix_connect("path"),
}


# Forgetting "async"


@pytest.mark.parametrize("name", STARTERS)
def test_a_plain_for_says_what_to_use(name):
    with pytest.raises(TypeError) as raised:
        for _ in STARTERS[name]():
            pass
    assert str(raised.value).startswith(f"{name}() can't be used in a plain 'for': use 'await ")
    assert f"'async with {name}(...)'" in str(raised.value)
    assert ("async for" in str(raised.value)) == ("connect" in name)


@pytest.mark.parametrize("name", STARTERS)
async def test_a_plain_for_in_a_coroutine_says_what_to_use(name):
    with pytest.raises(TypeError, match="plain 'for'"):
        for _ in STARTERS[name]():
            pass
    with pytest.raises(TypeError, match="plain 'for'"):
        list(STARTERS[name]())


@pytest.mark.parametrize("name", STARTERS)
def test_a_plain_with_says_what_to_use(name):
    with pytest.raises(TypeError) as raised:
        with STARTERS[name]():
            pass
    assert str(raised.value).startswith(f"{name}() can't be used in a plain 'with': use 'await ")
    assert f"'async with {name}(...)'" in str(raised.value)


# URIs


@pytest.mark.parametrize("uri", [None, 5, b"ws://localhost/", ["ws://localhost/"]])
def test_a_uri_is_a_text(uri):
    with pytest.raises(TypeError) as raised:
        websockets.connect(uri)
    assert str(raised.value) == f"uri must be a str such as 'ws://localhost:8765', not {uri!r}"


@pytest.mark.parametrize(
    "uri, error",
    [
        ("localhost:8765", "scheme isn't ws or wss; did you mean ws://localhost:8765?"),
        ("localhost", "scheme isn't ws or wss; did you mean ws://localhost?"),
        ("/chat", "scheme isn't ws or wss"),
        ("", "scheme isn't ws or wss"),
        ("ws:localhost", "hostname isn't provided"),
        ("http://localhost/", "scheme isn't ws or wss; did you mean ws://localhost/?"),
        ("HTTPS://localhost/", "scheme isn't ws or wss; did you mean wss://localhost/?"),
        ("http://", "scheme isn't ws or wss"),
        ("ftp://localhost/", "scheme isn't ws or wss"),
        ("wss://", "hostname isn't provided"),
        ("ws://a:b", "it doesn't look like ws://host:port/path or wss://host:port/path"),
    ],
)
def test_a_uri_that_is_none_says_what_was_probably_meant(uri, error):
    with pytest.raises(websockets.InvalidURI) as raised:
        websockets.connect(uri)
    assert raised.value.msg == error


# Closing


@both_sides
@pytest.mark.parametrize(
    "arguments, text",
    [
        (("bye",), "close code must be an int such as 1000, not 'bye'"),
        ((1000, b"bye"), "close reason must be a str, not b'bye'"),
        ((None,), "close code must be an int such as 1000, not None"),
    ],
)
async def test_close_takes_a_code_and_a_reason(connection, arguments, text):
    async with connection() as (ws, peer):
        with pytest.raises(TypeError) as raised:
            await ws.close(*arguments)
        assert str(raised.value) == text
        assert ws.open
        await ws.send("still open")
        assert (await peer.read())[1] == b"still open"


# What a peer does wrong, in terms of the program that is told


@both_sides
@pytest.mark.parametrize(
    ("length", "complaint"),
    [(125, "payload length 125 isn't in its shortest form"), (126, "control frame too long")],
)
@pytest.mark.parametrize("form", [126, 127])
async def test_a_control_frame_with_a_long_form_of_its_length(connection, form, length, complaint):
    async with connection() as (ws, peer):
        header = bytes([0x80 | CLOSE, (0x80 if peer.masked else 0) | form])
        peer.write(header + length.to_bytes(2 if form == 126 else 8, "big"))
        assert await peer.read_close() == (1002, complaint)
        await peer.close()


DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


@pytest.mark.parametrize("thread_size", [None, 0])
@pytest.mark.parametrize("parts", [1, 3])
async def test_a_message_that_is_too_large_names_the_limit_of_messages(parts, thread_size):
    extensions = [ServerPerMessageDeflateFactory(thread_size=thread_size)]
    async with server_and_peer(
        extensions=extensions, headers=DEFLATE, max_size=1000, ping_interval=None
    ) as (ws, peer):
        # Parts of 400 bytes; the last one makes the message too large.
        size = 400 if parts > 1 else 1001
        deflater = zlib.compressobj(wbits=-15)
        for part in range(parts):
            final = part == parts - 1
            data = deflater.compress(b"x" * size) + deflater.flush(zlib.Z_SYNC_FLUSH)
            data = data[:-4] if final else data
            head = frame(BINARY if part == 0 else 0, data, fin=final, rsv=4 if part == 0 else 0)
            peer.write(masked(head))
        code, reason = await peer.read_close()
        read = "" if parts == 1 else "after reading 800 bytes "
        assert (code, reason) == (1009, f"frame {read}exceeds limit of 1000 bytes")
        await peer.close()


def masked(unmasked):
    """Mask a short frame, with a key that changes nothing."""
    return bytes([unmasked[0], unmasked[1] | 0x80]) + bytes(4) + unmasked[2:]


async def test_a_task_may_still_wait_as_generators_did():
    def start():
        return (yield from websockets.serve(hold, "127.0.0.1", 0))

    class Awaiting:
        def __await__(self):
            return start()

    server = await Awaiting()
    async with websockets.connect(uri_of(server)):
        pass
    server.close()
    await asyncio.wait_for(server.wait_closed(), 10)
