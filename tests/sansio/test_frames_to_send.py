"""
What a connection without I/O sends, and what it refuses to.
"""

import pytest
from drawing import BINARY, CLOSE, CONT, PING, PONG, TEXT, frame, frames
from without_io import both_kinds, from_peer, opened

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, CLOSED, CONNECTING, OPEN, SERVER, Protocol
from websockets.uri import parse_uri


def sent(protocol):
    """Take the frames to send, as opcode, payload and FIN."""
    return [tuple(one[:3]) for one in frames(b"".join(protocol.data_to_send()))]


@both_kinds
def test_frames_of_all_kinds(side):
    protocol = opened(side)
    protocol.send_text("é".encode())
    protocol.send_binary(b"\x00")
    protocol.send_text(b"a", fin=False)
    protocol.send_ping(b"ping")
    protocol.send_continuation(b"b", fin=False)
    protocol.send_pong(b"")
    protocol.send_continuation(b"", True)
    protocol.send_binary(b"c", False)
    protocol.send_continuation(b"d", fin=True)
    assert sent(protocol) == [
        (TEXT, "é".encode(), True),
        (BINARY, b"\x00", True),
        (TEXT, b"a", False),
        (PING, b"ping", True),
        (CONT, b"b", False),
        (PONG, b"", True),
        (CONT, b"", True),
        (BINARY, b"c", False),
        (CONT, b"d", True),
    ]
    assert protocol.data_to_send() == []


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 200_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_frame_is_one_piece(size, kind):
    protocol = opened(SERVER)
    protocol.send_binary(kind(bytes(size)))
    assert protocol.data_to_send() == [frame(BINARY, bytes(size))]


def test_each_frame_of_a_client_has_a_key_of_its_own():
    protocol = opened(CLIENT)
    for _ in range(5):
        protocol.send_text(b"a")
    assert len({bytes(data[2:6]) for data in protocol.data_to_send()}) == 5


@both_kinds
def test_the_order_of_fragments(side):
    protocol = opened(side)
    assert not protocol.expect_continuation_frame
    with pytest.raises(ProtocolError, match="^unexpected continuation frame$"):
        protocol.send_continuation(b"", True)
    protocol.send_text(b"a", fin=False)
    assert protocol.expect_continuation_frame
    for send in (protocol.send_text, protocol.send_binary):
        with pytest.raises(ProtocolError, match="^expected a continuation frame$"):
            send(b"b")
    assert sent(protocol) == [(TEXT, b"a", False)]
    protocol.send_close(1000)
    # The order of fragments is looked at before the state.
    with pytest.raises(ProtocolError, match="^expected a continuation frame$"):
        protocol.send_text(b"b")
    with pytest.raises(InvalidState, match="^connection is closing$"):
        protocol.send_continuation(b"", True)


@both_kinds
@pytest.mark.parametrize("send", ["send_ping", "send_pong"])
def test_control_frames_have_125_bytes_at_most(side, send):
    protocol = opened(side)
    with pytest.raises(ProtocolError, match="^control frame too long$"):
        getattr(protocol, send)(bytes(126))
    assert protocol.data_to_send() == []
    getattr(protocol, send)(bytes(125))
    assert len(sent(protocol)) == 1


@both_kinds
@pytest.mark.parametrize(
    "arguments, text",
    [
        ((None, "bye"), "cannot send a reason without a code"),
        ((1005,), "invalid status code"),
        ((0,), "invalid status code"),
        ((1000, "é" * 62), "control frame too long"),
    ],
)
def test_closing_with_what_cannot_be_sent(side, arguments, text):
    protocol = opened(side)
    with pytest.raises(ProtocolError, match=f"^{text}$"):
        protocol.send_close(*arguments)
    assert protocol.state is OPEN
    assert protocol.close_sent is None
    assert protocol.data_to_send() == []


def everything(protocol, *, pings):
    sends = [
        lambda: protocol.send_text(b""),
        lambda: protocol.send_binary(b""),
        protocol.send_close,
        lambda: protocol.send_close(1000),
    ]
    if pings:
        sends += [lambda: protocol.send_ping(b""), lambda: protocol.send_pong(b"")]
    return sends


@both_kinds
def test_nothing_is_sent_before_the_beginning(side):
    protocol = Protocol(side, state=CONNECTING)
    for send in everything(protocol, pings=True):
        with pytest.raises(InvalidState, match="^connection is connecting$"):
            send()
    assert protocol.data_to_send() == []


@both_kinds
def test_only_pings_and_pongs_are_sent_behind_a_close_frame(side):
    protocol = opened(side, from_peer(side, CLOSE))
    protocol.data_to_send()
    for send in everything(protocol, pings=False):
        with pytest.raises(InvalidState, match="^connection is closing$"):
            send()
    protocol.send_ping(b"a")
    protocol.send_pong(b"b")
    assert sent(protocol) == [(PING, b"a", True), (PONG, b"b", True)]


@both_kinds
def test_nothing_is_sent_behind_the_end(side):
    protocol = opened(side)
    protocol.receive_eof()
    protocol.data_to_send()
    assert protocol.state is CLOSED
    for send in everything(protocol, pings=True):
        with pytest.raises(InvalidState, match="^connection is closed$"):
            send()
    assert protocol.data_to_send() == []


def test_text_is_encoded_by_the_program():
    protocol = opened(SERVER)
    with pytest.raises(TypeError):
        protocol.send_text("a")
    protocol.send_text(b"a")
    assert sent(protocol) == [(TEXT, b"a", True)]


# Extensions


class Upside:
    """An extension that says by RSV2 that it has turned the payload round."""

    name = "x-upside"

    def encode(self, frame):
        assert type(frame) is Frame
        assert type(frame.opcode) is Opcode
        frame.data = bytes(frame.data)[::-1]
        frame.rsv2 = True
        return frame

    def decode(self, frame, *, max_size=None):
        assert type(frame) is Frame
        assert type(frame.opcode) is Opcode
        assert frame.rsv2
        frame.data = bytearray(frame.data[::-1])
        frame.rsv2 = False
        return frame


@both_kinds
def test_an_extension_of_a_program(side):
    protocol = opened(side)
    protocol.extensions = [Upside()]
    protocol.send_text(b"abc")
    ((opcode, payload, fin, rsv, _),) = frames(b"".join(protocol.data_to_send()))
    assert (opcode, payload, fin, rsv) == (TEXT, b"cba", True, 0b010)
    protocol.receive_data(from_peer(side, TEXT, b"fed", rsv=0b010))
    assert protocol.events_received() == [Frame(Opcode.TEXT, b"def")]


def test_an_extension_that_fails():
    class Broken(Upside):
        def decode(self, frame, *, max_size=None):
            raise RuntimeError("broken")

    protocol = opened(CLIENT)
    protocol.extensions = [Broken()]
    protocol.receive_data(frame(TEXT, b"a"))
    assert type(protocol.parser_exc) is RuntimeError
    assert (protocol.close_sent.code, protocol.close_sent.reason) == (1011, "")


def deflated(**kwargs):
    protocol = opened(CLIENT, **kwargs)
    protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    return protocol


def test_compression():
    server = opened(SERVER)
    server.extensions = [PerMessageDeflate(False, False, 15, 15)]
    client = deflated()
    for payload in (b"Hello", b"Hello", b"", bytes(5000)):
        server.send_text(payload)
        (data,) = server.data_to_send()
        assert data[0] == 0xC1
        assert payload or data == b"\xc1\x01\x00"
        client.receive_data(data)
        assert client.events_received() == [Frame(Opcode.TEXT, payload)]
    server.send_binary(b"Hello", fin=False)
    server.send_ping(b"Hello")
    server.send_continuation(b"Hello", fin=True)
    client.receive_data(b"".join(server.data_to_send()))
    assert [bytes(event.data) for event in client.events_received()] == [b"Hello"] * 3


@pytest.mark.parametrize(
    "wire, reason",
    [
        (b"\xc1\x03\xff\xff\xff", "decompression failed"),
        (b"\x41\x00\xc0\x01a", "RSV1 bit set in continuation frame"),
        (b"\xa1\x00", "reserved bits must be 0"),
        (b"\xc1\x7e\x04\x01", "frame with 1025 bytes exceeds limit of 1024 bytes"),
    ],
)
def test_bad_compression(wire, reason):
    protocol = deflated(max_size=1024)
    protocol.receive_data(wire)
    assert protocol.close_sent.reason == reason


def test_what_is_too_large_when_it_is_decompressed():
    protocol = deflated(max_size=100)
    sender = opened(SERVER)
    sender.extensions = [PerMessageDeflate(False, False, 15, 15)]
    sender.send_text(bytes(101))
    protocol.receive_data(b"".join(sender.data_to_send()))
    assert protocol.close_sent.code == 1009
    assert protocol.close_sent.reason == "frame exceeds limit of 100 bytes"


def test_the_arguments_of_a_client_in_another_state():
    protocol = ClientProtocol(parse_uri("ws://example.com/"), state=OPEN)
    protocol.receive_data(frame(TEXT, b"a"))
    assert protocol.events_received() == [Frame(Opcode.TEXT, b"a")]
