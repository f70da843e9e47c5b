"""
Chance and the clock of connections without I/O: what tests of programs replace them by.
"""

import email.utils
import secrets
from unittest.mock import patch

from websockets.client import ClientProtocol
from websockets.protocol import CLIENT, Protocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

URI = parse_uri("ws://localhost/")


def test_masks():
    protocol = Protocol(CLIENT)
    with patch.object(secrets, "token_bytes", lambda size: b"\0\xff\0\xff"[:size]):
        protocol.send_text(b"Spam")
        protocol.send_ping(b"")
        protocol.send_close()
        assert protocol.data_to_send() == [
            b"\x81\x84\x00\xff\x00\xffS\x8fa\x92",
            b"\x89\x80\x00\xff\x00\xff",
            b"\x88\x80\x00\xff\x00\xff",
        ]


def test_masks_are_random_again_afterwards():
    protocol = Protocol(CLIENT)
    with patch.object(secrets, "token_bytes", return_value=b"mask"):
        protocol.send_ping(b"")
    for _ in range(9):
        protocol.send_ping(b"")
    masks = [frame[2:] for frame in protocol.data_to_send()]
    assert masks[0] == b"mask" and len(set(masks)) == 10


def test_keys():
    with patch("websockets.client.generate_key", return_value="a key"):
        protocol = ClientProtocol(URI)
    assert protocol.key == protocol.connect().headers["Sec-WebSocket-Key"] == "a key"
    with patch.object(secrets, "token_bytes", bytes):
        assert ClientProtocol(URI).key == "AAAAAAAAAAAAAAAAAAAAAA=="
    assert len({ClientProtocol(URI).key for _ in range(9)}) == 9


def test_the_time():
    server, request = ServerProtocol(), ClientProtocol(URI).connect()
    with patch.object(email.utils, "formatdate", return_value="now"):
        assert server.accept(request).headers["Date"] == "now"
        assert server.reject(404, "").headers["Date"] == "now"
    assert server.accept(request).headers["Date"].endswith(" GMT")
