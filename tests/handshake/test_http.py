"""
HTTP heads read from a stream.
"""

import asyncio
import re

import pytest

from websockets import http
from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import SecurityError

REQUEST = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nCookie: a\r\nCookie: b\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def stream_of(*pieces, eof=True, **options):
    stream = asyncio.StreamReader(**options)
    for piece in pieces:
        stream.feed_data(piece)
    if eof:
        stream.feed_eof()
    return stream


async def test_read_request():
    path, headers = await http.read_request(stream_of(REQUEST, eof=False))
    assert path == "/chat"
    assert isinstance(headers, Headers)
    assert headers["host"] == "example.com"
    with pytest.raises(MultipleValuesError):
        headers["cookie"]


async def test_read_response():
    status_code, reason, headers = await http.read_response(stream_of(RESPONSE, eof=False))
    assert (status_code, reason) == (101, "Switching Protocols")
    assert list(headers.raw_items()) == [("Upgrade", "websocket")]


async def test_a_head_that_arrives_slowly():
    stream = stream_of(eof=False)
    reading = asyncio.ensure_future(http.read_request(stream))
    for byte in REQUEST:
        assert not reading.done()
        stream.feed_data(bytes([byte]))
        await asyncio.sleep(0)
    path, headers = await reading
    assert (path, len(headers)) == ("/chat", 2)


@pytest.mark.parametrize(
    "read, wire", [(http.read_request, REQUEST), (http.read_response, RESPONSE)]
)
async def test_a_body_is_left_in_the_stream(read, wire):
    stream = stream_of(wire + b"body\r\n\r\nmore")
    await read(stream)
    assert await stream.read() == b"body\r\n\r\nmore"


async def test_what_is_not_ascii():
    wire = b"GET /caf\xc3\xa9 HTTP/1.1\r\nName: \xff\r\n\r\n"
    path, headers = await http.read_request(stream_of(wire))
    assert path == "/caf\udcc3\udca9"
    assert headers["Name"] == "\udcff"


@pytest.mark.parametrize(
    "read, wire", [(http.read_request, REQUEST), (http.read_response, RESPONSE)]
)
async def test_streams_that_end_early(read, wire):
    for end in range(len(wire)):
        with pytest.raises(EOFError) as raised:
            await read(stream_of(wire[:end]))
        assert str(raised.value) == "stream ended before the end of the HTTP head"


@pytest.mark.parametrize(
    "read, wire",
    [
        (http.read_request, b"GET /\r\n\r\n"),
        (http.read_request, b"POST / HTTP/1.1\r\n\r\n"),
        (http.read_request, b"GET / HTTP/1.0\r\n\r\n"),
        (http.read_request, b"GET / HTTP/1.1\n\n"),
        (http.read_request, b"GET / HTTP/1.1\r\n folded\r\n\r\n"),
        (http.read_request, b"GET / HTTP/1.1\r\nName : x\r\n\r\n"),
        (http.read_request, RESPONSE),
        (http.read_response, b"HTTP/1.1 OK\r\n\r\n"),
        (http.read_response, b"HTTP/1.0 200 OK\r\n\r\n"),
        (http.read_response, b"HTTP/1.1 200 OK\r\nName\r\n\r\n"),
        (http.read_response, REQUEST),
    ],
)
async def test_heads_that_are_malformed(read, wire):
    with pytest.raises(ValueError):
        await read(stream_of(wire))


START = {http.read_request: b"GET / HTTP/1.1\r\n", http.read_response: b"HTTP/1.1 200 OK\r\n"}


@pytest.mark.parametrize("read", START)
@pytest.mark.parametrize(
    "fields",
    [
        b"Name: " + b"a" * 8185 + b"\r\n",
        b"a" * 100_000,
        b"Name: x\r\n" * 129,
        (b"Name: " + b"a" * 8000 + b"\r\n") * 9,
    ],
    ids=["line", "endless line", "fields", "head"],
)
async def test_heads_that_exceed_a_limit(read, fields):
    with pytest.raises(SecurityError):
        await read(stream_of(START[read] + fields + b"\r\n"))


@pytest.mark.parametrize("read", START)
async def test_heads_at_a_limit(read):
    line = b"Name: " + b"a" * 8184 + b"\r\n"
    fields = line * 7 + b"Name: x\r\n" * 121
    *_, headers = await read(stream_of(START[read] + fields + b"\r\n"))
    assert len(headers.get_all("Name")) == 128


@pytest.mark.parametrize("read", START)
async def test_a_stream_with_a_lower_limit_of_its_own(read):
    with pytest.raises(SecurityError):
        await read(stream_of(START[read] + b"Name: " + b"a" * 1000 + b"\r\n\r\n", limit=100))


async def test_any_stream_with_lines():
    class Lines:
        def __init__(self, data):
            self.lines = data.splitlines(keepends=True)

        async def readline(self):
            return self.lines.pop(0)

    assert (await http.read_request(Lines(REQUEST)))[0] == "/chat"


def test_user_agent():
    assert re.fullmatch(r"Python/3\.\d+ cywebsockets/\d[\w.]*", http.USER_AGENT)


def test_names():
    assert http.Headers is Headers
    assert http.MultipleValuesError is MultipleValuesError
