"""
The client's opening handshake without I/O: what it asks, and which answers it takes (RFC 6455 4.1).
"""

import pytest
from cutting import every_cut
from drawing import TEXT, frame
from without_io import REQUEST_KEY, RESPONSE, answered, causes

from websockets.client import ClientProtocol
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
    SecurityError,
    StatusLineTooLong,
    TooManyHeaders,
)
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import MAX_BODY_SIZE, Response
from websockets.protocol import CLOSED, CONNECTING, OPEN, SEND_EOF
from websockets.uri import parse_uri


def with_lines(*lines):
    return RESPONSE + "".join(line + "\r\n" for line in lines).encode() + b"\r\n"


def instead(line, other):
    assert line in RESPONSE
    return RESPONSE.replace(line, other) + b"\r\n"


# The request


def test_the_headers_of_a_request():
    protocol = ClientProtocol(
        parse_uri("wss://user:pass@example.com:8443/chat?room=1"),
        origin="https://example.com",
        extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)],
        subprotocols=["a", "b"],
    )
    request = protocol.connect()
    assert (request.method, request.path) == ("GET", "/chat?room=1")
    assert list(request.headers.raw_items()) == [
        ("Host", "example.com:8443"),
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Origin", "https://example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", protocol.key),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Protocol", "a, b"),
    ]
    request.headers["X-More"] = "y"
    protocol.send_request(request)
    assert protocol.data_to_send() == [request.serialize()]
    assert request.serialize().startswith(b"GET /chat?room=1 HTTP/1.1\r\nHost: ")
    assert protocol.state is CONNECTING


def test_each_connection_has_a_key_of_its_own():
    keys = {ClientProtocol(parse_uri("ws://example.com/")).key for _ in range(10)}
    assert len(keys) == 10


def test_a_key_may_be_set():
    protocol = ClientProtocol(parse_uri("ws://example.com/"))
    protocol.key = REQUEST_KEY
    assert protocol.connect().headers["Sec-WebSocket-Key"] == REQUEST_KEY


# Its answer


def test_a_response_that_opens_the_connection():
    for pieces in every_cut(RESPONSE + b"\r\n" + frame(TEXT, b"a")):
        protocol = answered(*pieces)
        response, event = protocol.events_received()
        assert isinstance(response, Response)
        assert (response.status_code, response.reason_phrase) == (101, "Switching Protocols")
        assert event == Frame(Opcode.TEXT, b"a")
        assert protocol.state is OPEN
        assert protocol.handshake_exc is None
        assert not protocol.close_expected()
        assert protocol.data_to_send() == []


REFUSED = {
    "no connection": (
        instead(b"Connection: Upgrade\r\n", b""),
        InvalidUpgrade,
        "missing Connection header",
    ),
    "another upgrade": (
        instead(b"Upgrade: websocket\r\n", b"Upgrade: h2c\r\n"),
        InvalidUpgrade,
        "invalid Upgrade header: h2c",
    ),
    "no answer to the key": (
        instead(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", b""),
        InvalidHeader,
        "missing Sec-WebSocket-Accept header",
    ),
    "two answers to the key": (
        with_lines("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        InvalidHeader,
        "invalid Sec-WebSocket-Accept header: multiple values",
    ),
    "a wrong answer to the key": (
        instead(b"s3p", b"s3q"),
        InvalidHeaderValue,
        "invalid Sec-WebSocket-Accept header: s3qPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ),
    "an extension": (
        with_lines("Sec-WebSocket-Extensions: permessage-deflate"),
        NegotiationError,
        "no extensions supported",
    ),
    "a subprotocol": (
        with_lines("Sec-WebSocket-Protocol: a"),
        NegotiationError,
        "no subprotocols supported",
    ),
    "another status": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nnoXXX",
        InvalidStatus,
        "server rejected WebSocket connection: HTTP 403",
    ),
}


@pytest.mark.parametrize("wire, cls, text", REFUSED.values(), ids=REFUSED)
def test_responses_that_do_not_open_the_connection(wire, cls, text):
    protocol = answered(wire, frame(TEXT, b"a"))
    (response,) = protocol.events_received()
    assert isinstance(response, Response)
    assert causes(protocol.handshake_exc) == [(cls, text)]
    assert protocol.state is CONNECTING
    assert protocol.data_to_send() == [SEND_EOF]
    assert protocol.close_expected()
    protocol.receive_eof()
    assert protocol.state is CLOSED
    assert protocol.data_to_send() == []
    with pytest.warns(DeprecationWarning, match="use ClientProtocol.handshake_exc instead"):
        assert response.exception is protocol.handshake_exc


@pytest.mark.parametrize(
    "line, kwargs, text",
    [
        (
            "Sec-WebSocket-Extensions: x-other; a=b",
            {"extensions": [ClientPerMessageDeflateFactory()]},
            "Unsupported extension: name = x-other, params = [('a', 'b')]",
        ),
        ("Sec-WebSocket-Protocol: c", {"subprotocols": ["a"]}, "unsupported subprotocol: c"),
        (
            "Sec-WebSocket-Protocol: a, b",
            {"subprotocols": ["a", "b"]},
            "invalid Sec-WebSocket-Protocol header: multiple values: a, b",
        ),
    ],
)
def test_what_was_not_offered(line, kwargs, text):
    protocol = answered(with_lines(line), **kwargs)
    assert str(protocol.handshake_exc) == text


def test_what_is_agreed_upon():
    protocol = answered(
        with_lines("Sec-WebSocket-Protocol: b", "Sec-WebSocket-Extensions: permessage-deflate"),
        extensions=[ClientPerMessageDeflateFactory()],
        subprotocols=["a", "b"],
    )
    assert protocol.subprotocol == "b"
    assert [extension.name for extension in protocol.extensions] == ["permessage-deflate"]
    protocol.events_received()
    protocol.receive_data(b"\xc1\x07" + bytes.fromhex("f248cdc9c90700"))
    assert protocol.events_received() == [Frame(Opcode.TEXT, b"Hello")]


# Responses that can't be read

LONG = b"a" * 9000


UNREADABLE = {
    "another version": (
        b"HTTP/1.0 200 OK\r\n",
        ValueError,
        "unsupported protocol; expected HTTP/1.1: HTTP/1.0 200 OK",
    ),
    "no response": (b"hello\r\n", ValueError, "invalid HTTP status line: hello"),
    "no status": (
        b"HTTP/1.1 2x0 OK\r\n",
        ValueError,
        "invalid status code; expected integer; got 2x0",
    ),
    "a high status": (
        b"HTTP/1.1 600 OK\r\n",
        ValueError,
        "invalid status code; expected 100–599; got 600",
    ),
    "a long header": (
        b"HTTP/1.1 200 OK\r\nX: " + LONG,
        HeaderLineTooLong,
        "read 9003 bytes, expected no more than 8192 bytes",
    ),
    "many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 129,
        TooManyHeaders,
        "expected no more than 128 headers",
    ),
    "a large body": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
        SecurityError,
        "body too large: 1048577 bytes",
    ),
    "a large body without a length": (
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_BODY_SIZE + 1),
        SecurityError,
        "read 1048577 bytes, expected no more than 1048576 bytes",
    ),
    "a bad length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        SecurityError,
        "invalid content length: x",
    ),
    "another coding": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        NotImplementedError,
        "transfer coding gzip isn't supported",
    ),
    "a bad chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        SecurityError,
        "invalid chunk size: zz",
    ),
    "a chunk with more": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        ValueError,
        "chunk without CRLF",
    ),
    "large chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n100000\r\n",
        SecurityError,
        "chunk too large: 1048576 bytes after 1 bytes",
    ),
    "long trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 129,
        SecurityError,
        "expected no more than 128 headers",
    ),
}


@pytest.mark.parametrize("wire, cls, text", UNREADABLE.values(), ids=UNREADABLE)
def test_responses_that_cannot_be_read(wire, cls, text):
    protocol = answered(wire, b"more")
    assert protocol.events_received() == []
    assert causes(protocol.handshake_exc) == [
        (InvalidMessage, "did not receive a valid HTTP response"),
        (cls, text),
    ]
    assert protocol.data_to_send() == [SEND_EOF]
    protocol.receive_eof()
    assert protocol.state is CLOSED


def test_a_long_status_line_has_an_exception_of_its_own():
    protocol = answered(b"HTTP/1.1 200 " + LONG)
    text = "read 9013 bytes, expected no more than 8192 bytes"
    assert causes(protocol.handshake_exc) == [(StatusLineTooLong, text)]


def test_a_length_that_is_told_twice():
    protocol = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n")
    assert isinstance(protocol.handshake_exc.__cause__, LookupError)


@pytest.mark.parametrize(
    "wire, text",
    [
        (b"", "connection closed while reading HTTP status line"),
        (b"HTTP/1.1 200", "connection closed while reading HTTP status line"),
        (b"HTTP/1.1 200 OK\r\nX", "connection closed while reading HTTP headers"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "stream ends after 2 bytes, expected 3 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            "connection closed while reading HTTP body",
        ),
    ],
)
def test_the_stream_ends_before_the_response(wire, text):
    protocol = answered(wire)
    protocol.receive_eof()
    assert protocol.events_received() == []
    assert causes(protocol.handshake_exc) == [
        (InvalidMessage, "did not receive a valid HTTP response"),
        (EOFError, text),
    ]
    assert protocol.data_to_send() == [SEND_EOF]
    assert protocol.state is CLOSED


# Bodies of refusals

BODIES = {
    "of a length": (b"Content-Length: 5\r\n\r\nabcde", b"abcde", True),
    "of no length": (b"Content-Length: 0\r\n\r\n", b"", True),
    "in chunks": (
        b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n",
        b"abcde",
        True,
    ),
    "in no chunks": (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", True),
    "to the end": (b"\r\nabcde", b"abcde", False),
}


@pytest.mark.parametrize("rest, body, complete", BODIES.values(), ids=BODIES)
def test_bodies(rest, body, complete):
    for pieces in every_cut(b"HTTP/1.1 404 Not Found\r\n" + rest):
        protocol = answered(*pieces)
        if not complete:
            assert protocol.events_received() == []
            protocol.receive_eof()
        (response,) = protocol.events_received()
        assert (response.status_code, response.body) == (404, body)
        assert protocol.handshake_exc.response is response
        assert protocol.data_to_send() == [SEND_EOF]


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status):
    protocol = answered(b"HTTP/1.1 %d X\r\n\r\nabc" % status)
    (response,) = protocol.events_received()
    assert response.body == b""


def test_a_large_body_in_small_pieces():
    protocol = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
    for _ in range(1024):
        assert protocol.events_received() == []
        protocol.receive_data(bytes(1024))
    (response,) = protocol.events_received()
    assert response.body == bytes(2**20)
