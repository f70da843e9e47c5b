"""
Objects that aren't what they say: subclasses with methods of their own, buffers that claim much.

The core reads their memory. It must go by what they are, and answer the rest with an exception.
"""

import contextlib
import ctypes
import sys

import pytest
from drawing import BINARY, CLOSE, KEY, TEXT, frame, number_of

from websockets.exceptions import PayloadTooBig
from websockets.framing import ExtensionChain


class Text(str):
    """A str that says it is another one, and one that can be encoded."""

    def encode(self, *args, **kwargs):
        return b"?"

    def __len__(self):
        return 1_000_000

    def __str__(self):
        return "?"


class Bytes(bytes):
    def __bytes__(self):
        return b"?"

    def __len__(self):
        return 1_000_000

    def __iter__(self):
        return iter(b"?")


class Array(bytearray):
    def __bytes__(self):
        return b"?"

    def __len__(self):
        return 1_000_000


class Number(int):
    """A number that is small, it says."""

    def __lt__(self, other):
        return other > 0

    def __gt__(self, other):
        return False


keys = pytest.mark.parametrize("key", [b"", KEY], ids=["unmasked", "masked"])


@keys
@pytest.mark.parametrize("text", ["plain", "caf\xe9", "\u20ac", "\U0001f600"])
def test_a_frame_holds_the_characters_of_a_str(core, key, text):
    expected = frame(TEXT, text.encode(), key=key)
    assert core.pack.pack_frame(0x81, Text(text), number_of(key)) == expected
    assert core.pack.to_bytes(Text(text)) == text.encode()


@keys
def test_surrogates_are_refused_whatever_encode_says(core, key):
    for text in (Text("\ud800"), Text("\U0001f600\udfff"), Text("x" * 5000 + "\udfff")):
        with pytest.raises(UnicodeEncodeError):
            core.pack.pack_frame(0x81, text, number_of(key))
        with pytest.raises(UnicodeEncodeError):
            core.pack.to_bytes(text)


@keys
@pytest.mark.parametrize("kind", [Bytes, Array])
def test_a_frame_holds_the_bytes_of_a_buffer(core, key, kind):
    assert core.pack.pack_frame(0x82, kind(b"Hello"), number_of(key)) == frame(
        BINARY, b"Hello", key=key
    )
    assert core.pack.to_bytes(kind(b"Hello")) == b"Hello"


@pytest.mark.parametrize("payload", [None, 5, [1, 2], {b"a": 1}, object(), Number(5)])
def test_what_is_no_buffer_is_refused(core, payload):
    with pytest.raises(TypeError):
        core.pack.pack_frame(0x82, payload, -1)
    with pytest.raises(TypeError):
        core.pack.to_bytes(payload)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python has __buffer__() from 3.12 on")
@keys
def test_a_buffer_made_by_a_method_is_what_it_is(core, key):
    class Maker(bytes):
        def __buffer__(self, flags):
            return memoryview(b"made")

    assert core.pack.pack_frame(0x82, Maker(b"Hello"), number_of(key)) == frame(
        BINARY, b"made", key=key
    )


def legacy_string(text):
    """Make a str as extensions could make one up to Python 3.11: its characters aren't stored."""
    make, characters_of = (
        getattr(ctypes.pythonapi, name) for name in ("PyUnicode_FromUnicode", "PyUnicode_AsUnicode")
    )
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t)
    characters_of.restype, characters_of.argtypes = ctypes.c_void_p, (ctypes.py_object,)
    made = make(None, len(text))
    characters = ctypes.create_unicode_buffer(text)
    ctypes.memmove(characters_of(made), characters, ctypes.sizeof(characters))
    return made


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="all strings have their characters")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@keys
@pytest.mark.parametrize("text", ["plain", "caf\xe9"])
def test_a_string_whose_characters_are_still_to_be_stored(core, key, text):
    expected = frame(TEXT, text.encode(), key=key)
    assert core.pack.pack_frame(0x81, legacy_string(text), number_of(key)) == expected
    assert core.pack.to_bytes(legacy_string(text)) == text.encode()


class Extension:
    """An extension with what it makes of frames in the test's hands."""

    def __init__(self, decoded=None, encoded=None):
        self.decoded = decoded
        self.encoded = encoded

    def decode(self, received, *, max_size=None):
        return received._replace(data=self.decoded)

    def encode(self, sent):
        return sent._replace(data=self.encoded) if sent.opcode < CLOSE else sent


def endpoint(core, is_client=True, **made):
    return core.endpoint.Endpoint(is_client, extensions=ExtensionChain([Extension(**made)]))


@pytest.mark.parametrize("made", [None, 5, object(), [b"x"]])
def test_what_an_extension_makes_is_no_payload(core, made):
    with pytest.raises(TypeError):
        endpoint(core, encoded=made).send_frame(BINARY, b"x")
    connection = endpoint(core, decoded=made)
    connection.receive(frame(BINARY, b"x"))
    assert connection.close_sent.code == 1011
    assert isinstance(connection.failure, TypeError)


@pytest.mark.parametrize("made", [Text("caf\xe9"), Bytes(b"caf\xc3\xa9"), Array(b"caf\xc3\xa9")])
def test_an_extension_sends_what_it_made_and_not_what_that_says(core, made):
    connection = endpoint(core, is_client=False, encoded=made)
    connection.send_frame(BINARY, b"x")
    assert connection.collect() == [frame(BINARY, b"caf\xc3\xa9")]


@pytest.mark.parametrize("kind", [Bytes, Array, bytearray, memoryview])
def test_programs_get_bytes_whatever_an_extension_made(core, kind):
    connection = endpoint(core, decoded=kind(b"made"))
    connection.receive(frame(BINARY, b"x") + frame(TEXT, b"x"))
    message, text = connection.take(), connection.take()
    assert (type(message), message, text) == (bytes, b"made", "made")


@pytest.mark.parametrize("size", [sys.maxsize, 2**80])
def test_a_limit_may_say_what_it_likes(core, size):
    deflated = core.deflate.Deflater(15, False).compress(b"x" * 1000)
    with contextlib.suppress(PayloadTooBig, OverflowError):
        made = core.deflate.Inflater(15, False).decompress(deflated, Number(size))
        assert made == b"x" * 1000


def test_room_is_made_for_what_is_there_whatever_is_announced(core):
    buffer = core.payloads.PayloadBuffer(False)
    most = 2**63 - 1
    assert buffer.add(b"abc", 0, 3, -1, 0, most, True) == -1
    view = buffer.space(most, True)
    assert 0 < len(view) <= 2**16
    view[:2] = b"de"
    assert buffer.fill(2, -1, 3, most - 2, True) == -1
    del view
    assert buffer.add(b"xfx", 1, 2, number_of(KEY), most - 2, 0, True) == -1
    assert buffer.finish() == b"abcde" + bytes([ord("f") ^ KEY[1]])


def test_a_message_that_is_over_has_no_room(core):
    with pytest.raises(ValueError, match="no room"):
        core.messages.MessageAssembler(None).fill(1, -1, 0, 0)
