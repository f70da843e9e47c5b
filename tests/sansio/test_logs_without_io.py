"""
What connections without I/O log.
"""

import logging

import pytest
from drawing import CLOSE, CONT, PING, TEXT, frame
from without_io import REQUEST, RESPONSE, answered, asked, both_kinds, from_peer, opened

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import CLIENT, CLOSED, SERVER, Protocol


@pytest.fixture
def lines(caplog):
    """Return what was logged as lines, without dates."""

    def take():
        found = [
            f"{record.levelname} {record.getMessage()}"
            for record in caplog.records
            if not record.getMessage().startswith("> Date: ")
        ]
        caplog.clear()
        return found

    caplog.set_level(logging.DEBUG, "websockets")
    return take


def test_names_of_loggers():
    assert opened(SERVER).logger is logging.getLogger("websockets.server")
    assert opened(CLIENT).logger is logging.getLogger("websockets.client")
    logger = logging.getLogger("mine")
    protocol = Protocol(SERVER, logger=logger)
    assert protocol.logger is logger
    protocol.logger = logging.getLogger("other")
    assert not protocol.debug


def test_frames_and_states_of_a_server(lines):
    protocol = opened(SERVER)
    protocol.receive_data(
        from_peer(SERVER, TEXT, b"a", fin=False)
        + from_peer(SERVER, PING, b"b")
        + from_peer(SERVER, CONT, b"\xff")
    )
    protocol.send_binary(b"\x00")
    protocol.receive_data(from_peer(SERVER, CLOSE, b"\x03\xe8bye"))
    protocol.receive_eof()
    assert lines() == [
        "DEBUG = connection is OPEN",
        "DEBUG < TEXT 'a' [1 byte, continued]",
        "DEBUG < PING 'b' [text, 1 byte]",
        "DEBUG > PONG 'b' [text, 1 byte]",
        "DEBUG < CONT ff [binary, 1 byte]",
        "DEBUG > BINARY 00 [1 byte]",
        "DEBUG < CLOSE 1000 (OK) bye [5 bytes]",
        "DEBUG > CLOSE 1000 (OK) bye [5 bytes]",
        "DEBUG = connection is CLOSING",
        "DEBUG > EOF",
        "DEBUG = connection is CLOSED",
        "INFO connection closed",
    ]
    assert len(protocol.events_received()) == 4


def test_frames_and_states_of_a_client(lines):
    protocol = opened(CLIENT)
    protocol.send_close(1001, "going")
    protocol.receive_data(frame(CLOSE))
    protocol.receive_eof()
    assert lines() == [
        "DEBUG = connection is OPEN",
        "DEBUG > CLOSE 1001 (going away) going [7 bytes]",
        "DEBUG = connection is CLOSING",
        "DEBUG < CLOSE '' [0 bytes]",
        "DEBUG > EOF",
        "DEBUG = connection is CLOSED",
    ]


def test_violations(lines):
    protocol = opened(CLIENT, frame(CONT))
    protocol.receive_eof()
    assert lines() == [
        "DEBUG = connection is OPEN",
        "DEBUG < CONT '' [0 bytes]",
        "DEBUG > CLOSE 1002 (protocol error) unexpected continuation frame [31 bytes]",
        "DEBUG = connection is CLOSING",
        "DEBUG > EOF",
        "DEBUG = connection is CLOSED",
    ]


@both_kinds
def test_a_lost_connection(lines, side):
    protocol = opened(side)
    lines()
    protocol.receive_eof()
    assert lines() == [
        "DEBUG < EOF",
        "DEBUG > EOF",
        "DEBUG = connection is CLOSED",
    ] + ["INFO connection closed"] * (side == SERVER)


@both_kinds
def test_the_limit_is_kept_where_frames_are_logged(lines, side):
    protocol = opened(side, from_peer(side, TEXT, bytes(11))[:-11], max_size=10)
    assert protocol.close_sent.code == 1009
    protocol = opened(side, from_peer(side, TEXT, rsv=0b100))
    assert protocol.close_sent.reason == "reserved bits must be 0"


def test_compressed_frames_are_logged_as_they_are_meant(lines):
    one, other = opened(SERVER), opened(CLIENT)
    for protocol in (one, other):
        protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    lines()
    one.send_text(b"Hello")
    one.send_ping(b"")
    other.receive_data(b"".join(one.data_to_send()))
    assert lines() == [
        "DEBUG > TEXT 'Hello' [5 bytes]",
        "DEBUG > PING '' [0 bytes]",
        "DEBUG < TEXT 'Hello' [5 bytes]",
        "DEBUG < PING '' [0 bytes]",
        "DEBUG > PONG '' [0 bytes]",
    ]
    assert [event.data for event in other.events_received()] == [b"Hello", b""]


def test_a_state_that_is_set(lines):
    protocol = opened(SERVER)
    protocol.state = CLOSED
    assert lines() == ["DEBUG = connection is OPEN", "DEBUG = connection is CLOSED"]


def test_an_extension_that_fails_is_an_error(caplog):
    class Broken:
        name = "x-broken"

        def encode(self, frame):
            return frame

        def decode(self, frame, *, max_size=None):
            raise RuntimeError("broken")

    protocol = opened(CLIENT)
    protocol.extensions = [Broken()]
    protocol.receive_data(frame(TEXT))
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "parser failed")
    assert record.exc_info[1] is protocol.parser_exc


# The opening handshake


def test_a_request_that_is_accepted(lines):
    protocol, (request,) = asked(REQUEST + b"\r\n")
    protocol.send_response(protocol.accept(request))
    assert lines() == [
        "DEBUG = connection is CONNECTING",
        "DEBUG < GET /chat?room=1 HTTP/1.1",
        "DEBUG < Host: example.com",
        "DEBUG < Upgrade: websocket",
        "DEBUG < Connection: Upgrade",
        "DEBUG < Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "DEBUG < Sec-WebSocket-Version: 13",
        "DEBUG > HTTP/1.1 101 Switching Protocols",
        "DEBUG > Upgrade: websocket",
        "DEBUG > Connection: Upgrade",
        "DEBUG > Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "DEBUG = connection is OPEN",
        "INFO connection open",
    ]


def test_records_have_their_values_apart(caplog):
    caplog.set_level(logging.DEBUG, "websockets")
    protocol, (request,) = asked(REQUEST + b"\r\n")
    protocol.send_response(protocol.reject(404, "no"))
    answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    records = [(record.msg, record.args) for record in caplog.records]
    for record in [
        ("< %s %s %s", ("GET", "/chat?room=1", "HTTP/1.1")),
        ("< %s: %s", ("Host", "example.com")),
        ("> HTTP/1.1 %d %s", (404, "Not Found")),
        ("> %s: %s", ("Connection", "close")),
        ("> [body] (%d bytes)", (2,)),
        ("> GET %s HTTP/1.1", ("/chat",)),
        ("< HTTP/1.1 %d %s", (404, "Not Found")),
    ]:
        assert record in records


def test_a_request_that_is_refused(lines):
    protocol, (request,) = asked(REQUEST.replace(b"GET", b"POST") + b"\r\n")
    lines()
    protocol.send_response(protocol.accept(request))
    assert lines() == [
        "DEBUG ! invalid method",
        "DEBUG > HTTP/1.1 405 Method Not Allowed",
        "DEBUG > Connection: close",
        "DEBUG > Content-Length: 70",
        "DEBUG > Content-Type: text/plain; charset=utf-8",
        "DEBUG > Allow: GET",
        "DEBUG > [body] (70 bytes)",
        "INFO connection rejected (405 Method Not Allowed)",
        "DEBUG > EOF",
    ]


def test_another_response(lines):
    protocol, _ = asked(REQUEST + b"\r\n")
    lines()
    protocol.send_response(protocol.reject(404, ""))
    assert "INFO HTTP response sent (404 Not Found)" in lines()


@pytest.mark.parametrize(
    "wire, words",
    [
        (b"GET /" + bytes(9000), "request line too long"),
        (REQUEST + b"X: " + bytes(9000), "header fields too large"),
        (b"HELLO\r\n", "no valid HTTP request"),
    ],
)
def test_requests_that_cannot_be_read(lines, wire, words):
    asked(wire)
    assert f"DEBUG ! {words}" in lines()


def test_a_callback_that_fails_is_an_error(lines):
    def select(protocol, offered):
        raise RuntimeError("failed")

    protocol, (request,) = asked(REQUEST + b"\r\n", select_subprotocol=select)
    lines()
    protocol.accept(request)
    assert lines() == ["ERROR opening handshake failed"]


def test_the_handshake_of_a_client(lines):
    answered(RESPONSE + b"\r\n")
    said = lines()
    assert said[:2] == ["DEBUG = connection is CONNECTING", "DEBUG > GET /chat HTTP/1.1"]
    assert said[7:] == [
        "DEBUG < HTTP/1.1 101 Switching Protocols",
        "DEBUG < Upgrade: websocket",
        "DEBUG < Connection: Upgrade",
        "DEBUG < Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "DEBUG = connection is OPEN",
    ]
    answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc")
    assert lines()[7:] == [
        "DEBUG < HTTP/1.1 404 Not Found",
        "DEBUG < Content-Length: 3",
        "DEBUG < [body] (3 bytes)",
        "DEBUG > EOF",
    ]
