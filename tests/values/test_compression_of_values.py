"""Compression sees frames of both generations, and its factories take today's arguments."""

import pytest

from websockets import frames, framing
from websockets.exceptions import PayloadTooBig
from websockets.extensions import ClientExtensionFactory, Extension, ServerExtensionFactory, base
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import CONT, PING, TEXT

OFFER = [("client_max_window_bits", None)]


def frame_of_today(opcode, data, fin=True):
    return frames.Frame(opcode, data, fin)


def frame_of_before(opcode, data, fin=True):
    return framing.Frame(fin, opcode, data)


both_frames = pytest.mark.parametrize("make", [frame_of_today, frame_of_before])


@both_frames
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_message_in_fragments(make, kind):
    here, there = (PerMessageDeflate(False, False, 15, 15) for _ in range(2))
    sent = [make(TEXT, kind(b"Hello "), False), make(PING, b"!"), make(CONT, kind(b"Hello"))]
    encoded = [here.encode(frame) for frame in sent]
    assert [frame.rsv1 for frame in encoded] == [True, False, False]
    assert all(type(frame) is type(sent[0]) for frame in encoded)
    # Whose frames they were isn't seen on the other side.
    decoded = [there.decode(frame, max_size=6) for frame in encoded]
    assert [bytes(frame.data) for frame in decoded] == [b"Hello ", b"!", b"Hello"]
    assert [(frame.opcode, frame.fin) for frame in decoded] == [
        (TEXT, False),
        (PING, True),
        (CONT, True),
    ]
    assert not any(frame.rsv1 for frame in decoded)


@both_frames
def test_too_much_comes_out(make):
    here, there = (PerMessageDeflate(False, False, 15, 15) for _ in range(2))
    with pytest.raises(PayloadTooBig):
        there.decode(here.encode(make(TEXT, bytes(1000))), max_size=999)


def test_a_compressed_frame_on_the_wire():
    here, there = (PerMessageDeflate(True, True, 15, 15) for _ in range(2))
    sent = frames.Frame(TEXT, b"Hello" * 100)
    wire = sent.serialize(mask=False, extensions=[here])
    assert wire[0] == 0xC1
    stream = iter([wire[:2], wire[2:]])

    def read_exact(count):
        data = next(stream)
        assert len(data) == count
        return data
        yield

    with pytest.raises(StopIteration) as returned:
        next(frames.Frame.parse(read_exact, mask=False, extensions=[there]))
    assert returned.value.value == sent


# What a server does with a client that can't be asked for a smaller window


def negotiated(factory, params):
    answer, extension = factory.process_request_params(params, [])
    return answer, extension.remote_max_window_bits


def test_a_limit_goes_to_clients_that_know_it():
    factory = ServerPerMessageDeflateFactory(client_max_window_bits=12)
    assert factory.require_client_max_window_bits is False
    assert negotiated(factory, OFFER) == ([("client_max_window_bits", "12")], 12)
    assert negotiated(factory, []) == ([], 15)


def test_a_limit_can_be_required():
    factory = ServerPerMessageDeflateFactory(
        client_max_window_bits=12, require_client_max_window_bits=True
    )
    assert negotiated(factory, OFFER) == ([("client_max_window_bits", "12")], 12)
    with pytest.raises(Exception, match=r"^required client_max_window_bits$"):
        negotiated(factory, [])


def test_what_is_required_is_configured():
    with pytest.raises(ValueError, match="client_max_window_bits isn't configured"):
        ServerPerMessageDeflateFactory(require_client_max_window_bits=True)


def test_windows_that_zlib_cannot_compress_with():
    with pytest.raises(Exception, match=r"^unsupported server_max_window_bits = 8, use 9$"):
        negotiated(ServerPerMessageDeflateFactory(), [("server_max_window_bits", "8")])
    client = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    with pytest.raises(Exception, match=r"^unsupported client_max_window_bits = 8, use 9$"):
        client.process_response_params([("client_max_window_bits", "8")], [])


def test_defaults_are_those_of_8_1():
    assert ClientPerMessageDeflateFactory().get_request_params() == []
    assert negotiated(ServerPerMessageDeflateFactory(), OFFER) == ([], 15)


def test_the_package_has_the_interface():
    assert Extension is base.Extension
    assert ClientExtensionFactory is base.ClientExtensionFactory
    assert ServerExtensionFactory is base.ServerExtensionFactory
