"""
The server's opening handshake without I/O: what it accepts, and how it refuses (RFC 6455 4.2).
"""

import re
from http import HTTPStatus

import pytest
from cutting import every_cut
from drawing import BINARY, PING, PONG, TEXT, frames
from without_io import REQUEST, asked, causes, from_peer

from websockets.datastructures import Headers
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidProtocol,
    InvalidUpgrade,
    NegotiationError,
    RequestLineTooLong,
    TooManyHeaders,
)
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLOSED, CONNECTING, OPEN, SEND_EOF, SERVER
from websockets.server import ServerProtocol

BROWSERS = (
    "\nYou cannot access a WebSocket server directly with a browser. You need a WebSocket client.\n"
)


def without(name):
    return re.sub(rf"{name}: [^\r]*\r\n".encode(), b"", REQUEST) + b"\r\n"


def instead(name, value):
    return without(name)[:-2] + f"{name}: {value}\r\n\r\n".encode()


def beside(*lines):
    return REQUEST + "".join(line + "\r\n" for line in lines).encode() + b"\r\n"


def response_to(wire, **kwargs):
    protocol, (request,) = asked(wire, **kwargs)
    response = protocol.accept(request)
    assert protocol.data_to_send() == []
    assert protocol.state is CONNECTING
    return protocol, response


def test_a_request_that_is_accepted():
    for pieces in every_cut(REQUEST + b"\r\n"):
        protocol, (request,) = asked(*pieces)
        assert isinstance(request, Request)
        assert (request.method, request.protocol) == ("GET", "HTTP/1.1")
        assert request.path == "/chat?room=1"
        assert request.headers["Host"] == "example.com"
        response = protocol.accept(request)
        assert protocol.state is CONNECTING
        assert protocol.handshake_exc is None
        date, *others = response.headers.raw_items()
        assert date[0] == "Date"
        assert others == [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ]
        assert (response.status_code, response.body) == (101, b"")
        del response.headers["Date"]
        response.headers["X-More"] = "é"
        protocol.send_response(response)
        assert protocol.state is OPEN
        assert b"".join(protocol.data_to_send()) == (
            b"HTTP/1.1 101 Switching Protocols\r\n"
            b"Upgrade: websocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
            b"X-More: \xe9\r\n\r\n"
        )
        assert not protocol.close_expected()
        protocol.receive_data(from_peer(SERVER, TEXT, b"a"))
        assert protocol.events_received() == [Frame(Opcode.TEXT, b"a")]


REFUSALS = {
    "a method": (
        REQUEST.replace(b"GET", b"POST") + b"\r\n",
        {},
        405,
        InvalidMethod,
        "unsupported HTTP method: POST",
    ),
    "a method of an older version": (
        REQUEST.replace(b"GET", b"HEAD").replace(b"1.1", b"1.0") + b"\r\n",
        {},
        405,
        InvalidMethod,
        "unsupported HTTP method: HEAD",
    ),
    "an older version": (
        REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n",
        {},
        505,
        InvalidProtocol,
        "unsupported HTTP version: HTTP/1.0",
    ),
    "no connection": (without("Connection"), {}, 426, InvalidUpgrade, "missing Connection header"),
    "another connection": (
        instead("Connection", "close\r\nConnection: x"),
        {},
        426,
        InvalidUpgrade,
        "invalid Connection header: close, x",
    ),
    "no upgrade": (without("Upgrade"), {}, 426, InvalidUpgrade, "missing Upgrade header"),
    "two upgrades": (
        instead("Upgrade", "websocket, h2c"),
        {},
        426,
        InvalidUpgrade,
        "invalid Upgrade header: websocket, h2c",
    ),
    "no key": (
        without("Sec-WebSocket-Key"),
        {},
        400,
        InvalidHeader,
        "missing Sec-WebSocket-Key header",
    ),
    "two keys": (
        beside("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        {},
        400,
        InvalidHeader,
        "invalid Sec-WebSocket-Key header: multiple values",
    ),
    "a key of 15 bytes": (
        instead("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j"),
        {},
        400,
        InvalidHeaderValue,
        "invalid Sec-WebSocket-Key header: dGhlIHNhbXBsZSBub25j",
    ),
    "no version": (
        without("Sec-WebSocket-Version"),
        {},
        400,
        InvalidHeader,
        "missing Sec-WebSocket-Version header",
    ),
    "another version": (
        instead("Sec-WebSocket-Version", "12"),
        {},
        400,
        InvalidHeaderValue,
        "invalid Sec-WebSocket-Version header: 12",
    ),
    "an origin": (
        beside("Origin: http://a"),
        {"origins": ["http://b", re.compile("http://")]},
        403,
        InvalidOrigin,
        "invalid Origin header: http://a",
    ),
    "no origin": (
        beside(),
        {"origins": ["http://b"]},
        403,
        InvalidOrigin,
        "missing Origin header",
    ),
    "two origins": (
        beside("Origin: http://a", "Origin: http://a"),
        {},
        400,
        InvalidHeader,
        "invalid Origin header: multiple values",
    ),
    "no subprotocol": (
        beside(),
        {"subprotocols": ["a"]},
        400,
        NegotiationError,
        "missing subprotocol",
    ),
    "no common subprotocol": (
        beside("Sec-WebSocket-Protocol: c"),
        {"subprotocols": ["a", "b"]},
        400,
        NegotiationError,
        "invalid subprotocol; expected one of a, b",
    ),
}


@pytest.mark.parametrize("wire, kwargs, status, cls, text", REFUSALS.values(), ids=REFUSALS)
def test_refusals(wire, kwargs, status, cls, text):
    protocol, response = response_to(wire, **kwargs)
    assert response.status_code == status
    assert type(protocol.handshake_exc) is cls
    assert str(protocol.handshake_exc) == text
    browsers = BROWSERS if status == 426 else ""
    body = f"Failed to open a WebSocket connection: {text}.\n{browsers}".encode()
    assert response.body == body
    date, *others = response.headers.raw_items()
    assert date[0] == "Date"
    more = {405: [("Allow", "GET")], 426: [("Upgrade", "websocket")]}.get(status, [])
    assert others == [
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Content-Type", "text/plain; charset=utf-8"),
        *more,
    ]
    protocol.send_response(response)
    *data, last = protocol.data_to_send()
    assert b"".join(data) == response.serialize()
    assert last == SEND_EOF
    assert protocol.state is CONNECTING
    assert protocol.close_expected()
    protocol.receive_data(from_peer(SERVER, TEXT, b"a"))
    assert protocol.events_received() == []
    protocol.receive_eof()
    assert protocol.state is CLOSED
    assert (protocol.close_code, protocol.close_reason) == (1006, "")
    assert protocol.data_to_send() == []


def test_what_led_to_a_refusal_is_told():
    protocol, response = response_to(instead("Sec-WebSocket-Key", "!!"))
    assert type(protocol.handshake_exc) is InvalidHeaderValue
    assert response.body.decode() == (
        "Failed to open a WebSocket connection: invalid Sec-WebSocket-Key header: !!; "
        f"{protocol.handshake_exc.__cause__}.\n"
    )


@pytest.mark.parametrize(
    "line, kwargs",
    [
        ("Sec-WebSocket-Protocol: a b", {}),
        ("Sec-WebSocket-Extensions: a;;", {"extensions": [ServerPerMessageDeflateFactory()]}),
    ],
)
def test_malformed_lists(line, kwargs):
    protocol, response = response_to(beside(line), **kwargs)
    assert response.status_code == 400
    assert type(protocol.handshake_exc) is InvalidHeaderFormat


def fail(protocol, offered):
    raise RuntimeError("a secret")


def test_a_callback_that_fails():
    protocol, response = response_to(
        beside("Sec-WebSocket-Protocol: a"), subprotocols=["a"], select_subprotocol=fail
    )
    assert response.status_code == 500
    assert response.body == (
        b"Failed to open a WebSocket connection.\nSee server log for more information.\n"
    )
    assert causes(protocol.handshake_exc) == [(RuntimeError, "a secret")]


# What is agreed upon


@pytest.mark.parametrize(
    "origins, origin",
    [
        (None, "http://a"),
        (["http://a"], "http://a"),
        (["http://b", re.compile("http://.")], "http://a"),
        ([None], None),
        (None, None),
    ],
)
def test_origins(origins, origin):
    lines = [] if origin is None else [f"Origin: {origin}"]
    protocol, response = response_to(beside(*lines), origins=origins)
    assert response.status_code == 101
    assert protocol.origin == origin


@pytest.mark.parametrize(
    "lines, supported, chosen",
    [
        ([], None, None),
        (["a, b"], None, None),
        (["a, b"], ["b", "a"], "b"),
        (["a", "b"], ["c", "b"], "b"),
    ],
)
def test_subprotocols(lines, supported, chosen):
    protocol, response = response_to(
        beside(*[f"Sec-WebSocket-Protocol: {line}" for line in lines]), subprotocols=supported
    )
    assert response.headers.get("Sec-WebSocket-Protocol") == protocol.subprotocol == chosen


@pytest.mark.parametrize("supported", [None, ["x"]])
def test_a_function_selects_the_subprotocol(supported):
    seen = []

    def select(protocol, offered):
        seen.append((protocol, offered))
        return offered[-1] if offered else None

    for line, chosen in ((["Sec-WebSocket-Protocol: a, b"], "b"), ([], None)):
        protocol, response = response_to(
            beside(*line), subprotocols=supported, select_subprotocol=select
        )
        assert response.headers.get("Sec-WebSocket-Protocol") == chosen
        assert seen.pop() == (protocol, ["a", "b"] if line else [])


def test_a_subclass_selects_the_subprotocol():
    class Choosy(ServerProtocol):
        def select_subprotocol(self, subprotocols):
            return subprotocols[1]

    protocol = Choosy()
    protocol.receive_data(beside("Sec-WebSocket-Protocol: a, b"))
    (request,) = protocol.events_received()
    assert protocol.accept(request).headers["Sec-WebSocket-Protocol"] == "b"


def test_compression_is_agreed_upon():
    protocol, response = response_to(
        beside("Sec-WebSocket-Extensions: x-unknown, permessage-deflate"),
        extensions=[ServerPerMessageDeflateFactory()],
    )
    assert response.headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate")
    protocol.send_response(response)
    protocol.data_to_send()
    protocol.send_text(b"Hello")
    assert protocol.data_to_send() == [b"\xc1\x07" + bytes.fromhex("f248cdc9c90700")]
    protocol.receive_data(from_peer(SERVER, TEXT, bytes.fromhex("f248cdc9c90700"), rsv=0b100))
    assert protocol.events_received() == [Frame(Opcode.TEXT, b"Hello")]


# Requests that can't be read

LONG = b"a" * 9000


@pytest.mark.parametrize(
    "wire, status, cls, text",
    [
        (
            b"GET /" + LONG,
            414,
            RequestLineTooLong,
            "read 9005 bytes, expected no more than 8192 bytes",
        ),
        (
            REQUEST + b"X: " + LONG,
            431,
            HeaderLineTooLong,
            "read 9003 bytes, expected no more than 8192 bytes",
        ),
        (
            REQUEST + b"X: y\r\n" * 130,
            431,
            TooManyHeaders,
            "expected no more than 128 headers",
        ),
    ],
)
def test_requests_that_are_too_long(wire, status, cls, text):
    protocol, events = asked(wire)
    assert events == []
    assert causes(protocol.handshake_exc) == [(cls, text)]
    *data, last = protocol.data_to_send()
    assert last == SEND_EOF
    phrase = HTTPStatus(status).phrase
    data = b"".join(data)
    assert data.startswith(f"HTTP/1.1 {status} {phrase}\r\nDate: ".encode())
    assert data.endswith(f"\r\n\r\nFailed to open a WebSocket connection: {text}.\n".encode())


def test_a_long_head_of_short_lines():
    protocol, (request,) = asked(REQUEST + (b"X: " + LONG[:8000] + b"\r\n") * 100 + b"\r\n")
    assert protocol.accept(request).status_code == 101


UNREADABLE = {
    "no request": (b"HELLO\r\n", ValueError, "invalid HTTP request line: HELLO"),
    "HTTP/2": (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ValueError,
        "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: PRI * HTTP/2.0",
    ),
    "a target that isn't ASCII": (
        b"GET /\xe9 HTTP/1.1\r\n",
        UnicodeDecodeError,
        "'ascii' codec can't decode byte 0xe9 in position 1: ordinal not in range(128)",
    ),
    "a body": (REQUEST + b"Content-Length: 5\r\n\r\n", ValueError, "unsupported request body"),
    "chunks": (
        REQUEST + b"Transfer-Encoding: chunked\r\n\r\n",
        NotImplementedError,
        "transfer codings aren't supported",
    ),
    "no header": (REQUEST + b"X y\r\n", ValueError, "invalid HTTP header line: X y"),
    "a blank in a name": (REQUEST + b"X y: z\r\n", ValueError, "invalid HTTP header name: X y"),
    "folding": (REQUEST + b"X: y\r\n z\r\n", ValueError, "invalid HTTP header line:  z"),
    "a control character": (
        REQUEST + b"X: \x00\r\n",
        ValueError,
        r"invalid HTTP header value: '\x00'",
    ),
}


@pytest.mark.parametrize("wire, cls, text", UNREADABLE.values(), ids=UNREADABLE)
def test_requests_that_cannot_be_read(wire, cls, text):
    for pieces in every_cut(wire) if len(wire) < 100 else [[wire]]:
        protocol, events = asked(*pieces)
        assert events == []
        assert causes(protocol.handshake_exc) == [
            (InvalidMessage, "did not receive a valid HTTP request"),
            (cls, text),
        ]
        assert protocol.data_to_send() == [SEND_EOF]
        assert protocol.state is CONNECTING
        protocol.receive_eof()
        assert protocol.state is CLOSED


@pytest.mark.parametrize(
    "wire, text",
    [
        (b"", "connection closed while reading HTTP request line"),
        (b"GE", "connection closed while reading HTTP request line"),
        (REQUEST, "connection closed while reading HTTP headers"),
    ],
)
def test_the_stream_ends_before_the_request(wire, text):
    protocol, _ = asked(wire)
    protocol.receive_eof()
    assert causes(protocol.handshake_exc) == [
        (InvalidMessage, "did not receive a valid HTTP request"),
        (EOFError, text),
    ]
    assert protocol.data_to_send() == [SEND_EOF]
    assert protocol.state is CLOSED
    assert protocol.parser_exc is None


# What comes early


def test_frames_that_come_early_are_answered_behind_the_response():
    early = from_peer(SERVER, TEXT, b"a") + from_peer(SERVER, PING, b"b")
    for cut in (0, 3, len(early)):
        protocol, events = asked(REQUEST + b"\r\n" + early[:cut])
        protocol.receive_data(early[cut:])
        events += protocol.events_received()
        assert [type(event) for event in events] == [Request, Frame, Frame]
        assert protocol.data_to_send() == []
        protocol.send_response(protocol.accept(events[0]))
        response, *data = protocol.data_to_send()
        assert response.startswith(b"HTTP/1.1 101 ")
        assert [one[:2] for one in frames(b"".join(data))] == [(PONG, b"b")]
        protocol.send_text(b"c")
        assert protocol.data_to_send() == [b"\x81\x01c"]


def test_a_violation_that_comes_early():
    protocol, (request,) = asked(REQUEST + b"\r\n\x83\x80")
    assert str(protocol.parser_exc) == "invalid opcode"
    assert protocol.data_to_send() == []
    protocol.send_response(protocol.accept(request))
    response, close, eof = protocol.data_to_send()
    assert response.startswith(b"HTTP/1.1 101 ")
    assert (close, eof) == (b"\x88\x10\x03\xeainvalid opcode", SEND_EOF)


# Other answers


@pytest.mark.parametrize("status", [404, HTTPStatus.NOT_FOUND])
def test_rejecting(status):
    protocol, (request,) = asked(REQUEST + b"\r\n")
    response = protocol.reject(status, "Non trouvé\n")
    assert (response.status_code, response.reason_phrase) == (404, "Not Found")
    assert response.body == "Non trouvé\n".encode()
    assert response.headers["Content-Length"] == "12"
    protocol.send_response(response)
    data, eof = protocol.data_to_send()
    assert (data, eof) == (response.serialize(), SEND_EOF)
    assert protocol.handshake_exc is None


def test_rejecting_with_a_status_that_nobody_knows():
    with pytest.raises(ValueError):
        ServerProtocol().reject(299, "")


def test_another_response():
    protocol, _ = asked(REQUEST + b"\r\n")
    protocol.send_response(Response(200, "OK", Headers({"X": "y"}), b"body"))
    assert protocol.data_to_send() == [b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nbody", SEND_EOF]


def test_a_host_that_reads_requests_by_itself():
    protocol = ServerProtocol(
        state=OPEN, subprotocols=["a"], extensions=[ServerPerMessageDeflateFactory()]
    )
    request = Request(
        "/",
        Headers(
            {
                "Connection": "upgrade",
                "Upgrade": "WebSocket",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Protocol": "a",
                "Sec-WebSocket-Extensions": "permessage-deflate",
            }
        ),
    )
    response = protocol.accept(request)
    assert (response.status_code, protocol.subprotocol) == (101, "a")
    protocol.send_binary(b"Hello")
    assert protocol.data_to_send() == [b"\xc2\x07" + bytes.fromhex("f248cdc9c90700")]
    protocol.receive_data(from_peer(SERVER, BINARY, b"a"))
    assert protocol.events_received() == [Frame(Opcode.BINARY, b"a")]


def test_the_first_failure_is_told_by_requests_too():
    protocol, (request,) = asked(without("Upgrade"))
    protocol.accept(request)
    with pytest.warns(DeprecationWarning, match="use ServerProtocol.handshake_exc instead"):
        assert request.exception is protocol.handshake_exc
