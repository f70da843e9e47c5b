"""
Connections without I/O, of either side, and what to say to them.
"""

import pytest
from drawing import KEY, frame

from websockets.client import ClientProtocol
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

both_kinds = pytest.mark.parametrize("side", [SERVER, CLIENT], ids=["server", "client"])

REQUEST_KEY = "dGhlIHNhbXBsZSBub25jZQ=="

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)


def from_peer(side, opcode, payload=b"", **kwargs):
    """Build a frame that the peer of a side sends, which is masked if that is the client."""
    return frame(opcode, payload, key=KEY if side == SERVER else b"", **kwargs)


def opened(side, *data, **kwargs):
    """Return a connection that is open, and has received data."""
    protocol = Protocol(side, state=OPEN, **kwargs)
    for piece in data:
        protocol.receive_data(piece)
    return protocol


def asked(*data, **kwargs):
    """Return a server that has received data, and what has come of it."""
    protocol = ServerProtocol(**kwargs)
    for piece in data:
        protocol.receive_data(piece)
    return protocol, protocol.events_received()


def answered(*data, uri="ws://example.com/chat", **kwargs):
    """Return a client that has sent a request and received data."""
    protocol = ClientProtocol(parse_uri(uri), **kwargs)
    protocol.key = REQUEST_KEY
    protocol.send_request(protocol.connect())
    protocol.data_to_send()
    for piece in data:
        protocol.receive_data(piece)
    return protocol


def events(protocol):
    """Take frames as tuples of opcode, payload and FIN."""
    return [(event.opcode, event.data, event.fin) for event in protocol.events_received()]


def causes(exc):
    """Return the classes and texts of an exception and what led to it."""
    found = []
    while exc is not None:
        found.append((type(exc), str(exc)))
        exc = exc.__cause__
    return found
