"""
connect() on asyncio and on trio: the request, and what may be wrong with the response.
"""

import pytest
from both import failing, request_of
from todays import accepting

from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    StatusLineTooLong,
    TooManyHeaders,
)
from websockets.http11 import USER_AGENT

pytestmark = pytest.mark.and_trio


# The request


async def test_the_headers_of_a_request_in_their_order():
    assert await request_of("ws://127.0.0.1:{}") == [
        "GET / HTTP/1.1",
        "Host: 127.0.0.1:PORT",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        f"User-Agent: {USER_AGENT}",
    ]
    assert await request_of(
        "ws://user:pass%20word@127.0.0.1:{}/path?query",
        origin="https://example.com",
        compression=None,
        subprotocols=["a", "b"],
        additional_headers=[("X", "1"), ("X", "2"), ("Host", "another")],
        user_agent_header="agent",
    ) == [
        "GET /path?query HTTP/1.1",
        "Host: 127.0.0.1:PORT",
        "Authorization: Basic dXNlcjpwYXNzIHdvcmQ=",
        "Origin: https://example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: a, b",
        "X: 1",
        "X: 2",
        "Host: another",
        "User-Agent: agent",
    ]


@pytest.mark.parametrize(
    "headers, agent, lines",
    [
        ({"User-Agent": "theirs"}, "ours", ["User-Agent: theirs"]),
        (Headers(A="b"), None, ["A: b"]),
        (lambda: iter([("A", "b")]), "ours", ["A: b", "User-Agent: ours"]),
        (None, None, []),
    ],
)
async def test_headers_of_the_program(headers, agent, lines):
    uri = "ws://127.0.0.1:{}"
    headers = headers() if callable(headers) else headers
    options = {"additional_headers": headers, "user_agent_header": agent, "compression": None}
    assert (await request_of(uri, **options))[6:] == lines


# What may go wrong


@pytest.mark.parametrize(
    "response, body",
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nX: y\r\n\r\nabc", b"abc"),
        (
            b"HTTP/1.1 404 Not Found\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"abc",
        ),
        (b"HTTP/1.1 404 Not Found\r\nX: y\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
async def test_another_status_than_101(response, body):
    exc = await failing(response)
    assert type(exc) is InvalidStatus
    assert str(exc) == "server rejected WebSocket connection: HTTP 404"
    assert (exc.response.status_code, exc.response.reason_phrase) == (404, "Not Found")
    assert exc.response.headers["X"] == "y" and bytes(exc.response.body) == body


SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n"


LIMIT = "read {} bytes, expected no more than 8192 bytes"


@pytest.mark.parametrize(
    "response, cause, text",
    [
        (b"FOO\r\n\r\n", ValueError, "invalid HTTP status line: FOO"),
        (
            b"HTTP/1.0 200 OK\r\n\r\n",
            ValueError,
            "unsupported protocol; expected HTTP/1.1: HTTP/1.0 200 OK",
        ),
        (SWITCHING + b"A b\r\n\r\n", ValueError, "invalid HTTP header line: A b"),
        (SWITCHING + b"A: " + b"x" * 9000 + b"\r\n\r\n", HeaderLineTooLong, LIMIT.format(9005)),
        (
            SWITCHING + b"A: b\r\n" * 129 + b"\r\n",
            TooManyHeaders,
            "expected no more than 128 headers",
        ),
    ],
)
async def test_what_is_no_response(response, cause, text):
    exc = await failing(response)
    assert type(exc) is InvalidMessage
    assert str(exc) == "did not receive a valid HTTP response"
    assert type(exc.__cause__) is cause and str(exc.__cause__) == text


async def test_a_status_line_that_is_too_long():
    exc = await failing(b"HTTP/1.1 101 " + b"x" * 9000 + b"\r\n\r\n")
    assert type(exc) is StatusLineTooLong and str(exc) == LIMIT.format(9015)


UPGRADE = SWITCHING + b"Upgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    "response, error, text",
    [
        (SWITCHING + b"\r\n", InvalidUpgrade, "missing Connection header"),
        (SWITCHING + b"Connection: Upgrade\r\n\r\n", InvalidUpgrade, "missing Upgrade header"),
        (UPGRADE + b"\r\n", InvalidHeader, "missing Sec-WebSocket-Accept header"),
        (
            UPGRADE + b"Sec-WebSocket-Accept: x\r\n\r\n",
            InvalidHeaderValue,
            "invalid Sec-WebSocket-Accept header: x",
        ),
    ],
)
async def test_wrong_headers(response, error, text):
    exc = await failing(response)
    assert type(exc) is error and str(exc) == text


@pytest.mark.parametrize(
    "header, options, text",
    [
        ("Sec-WebSocket-Extensions: x", {"compression": None}, "no extensions supported"),
        (
            "Sec-WebSocket-Extensions: x; a=1",
            {},
            "Unsupported extension: name = x, params = [('a', '1')]",
        ),
        ("Sec-WebSocket-Protocol: a", {}, "no subprotocols supported"),
        ("Sec-WebSocket-Protocol: a", {"subprotocols": ["b"]}, "unsupported subprotocol: a"),
    ],
)
async def test_what_was_not_offered(header, options, text):
    exc = await failing(lambda head: accepting(head, header), **options)
    assert type(exc) is NegotiationError and str(exc) == text
