"""
Compression with permessage-deflate: the streams and their limits (RFC 7692 7.2).
"""

import os
import random
import zlib

import pytest
from drawing import BINARY, CLOSE, CONT, PING, PONG, TEXT, bits, close, frame
from endpoints import feed, measured, said, sent
from hypothesis import given, settings
from hypothesis import strategies as st
from zlibs import with_one_zlib

from websockets.exceptions import (
    PayloadTooBig,
    ProtocolError,
)
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
)
from websockets.framing import ExtensionChain, Frame

# Streams (RFC 7692 7.2)


def extension(remote_no=False, local_no=False, remote_bits=15, local_bits=15, **settings):
    return PerMessageDeflate(remote_no, local_no, remote_bits, local_bits, settings)


def compressed(data, opcode=TEXT, fin=True):
    return Frame(fin, opcode, bytes.fromhex(data), rsv1=opcode != CONT)


def decode(deflate, *frames, **options):
    """Decode the frames of a message and put them together."""
    decoded = [deflate.decode(frame, **options) for frame in frames]
    for before, after in zip(frames, decoded):
        assert (after.fin, after.opcode, after.rsv1) == (before.fin, before.opcode, False)
        assert type(after) is Frame
    return b"".join(frame.data for frame in decoded)


HELLO = "f2 48 cd c9 c9 07 00"


def test_the_example_of_one_block():
    # RFC 7692 7.2.3.1
    encoded = extension().encode(Frame(True, TEXT, b"Hello"))
    assert encoded == compressed(HELLO)
    assert decode(extension(), encoded) == b"Hello"


def test_the_example_as_a_frame_drawn(core):
    drawn = bits(
        """
        1 100 0001       FIN, RSV1, text
        0 0000111        7 bytes
        """
    ) + bytes.fromhex(HELLO)
    connection = core.endpoint.Endpoint(True, extensions=ExtensionChain([extension()]))
    connection.receive(drawn)
    assert connection.take() == "Hello"
    connection = core.endpoint.Endpoint(False, extensions=ExtensionChain([extension()]))
    connection.send_frame(TEXT, b"Hello")
    assert list(connection.outbox) == [drawn]


def test_text_that_is_not_compressed_is_checked_as_it_arrives(core):
    connection = core.endpoint.Endpoint(True, extensions=ExtensionChain([extension()]))
    connection.receive(frame(TEXT, b"ab", fin=False) + b"\x80\x0acd\xff")
    assert str(connection.failure) == "invalid start byte at position 4"


def test_compressed_and_other_messages_take_turns(core):
    connection = core.endpoint.Endpoint(True, extensions=ExtensionChain([extension()]))
    hello = bytes.fromhex(HELLO)
    for _ in range(2):
        connection.receive(b"\xc1\x07" + hello)
        connection.receive(frame(TEXT, b"pl", fin=False) + frame(PING) + frame(CONT, b"ain"))
        connection.receive(b"\x41\x03" + hello[:3] + frame(PONG) + b"\x80\x04" + hello[3:])
    assert list(connection.inbox) == ["Hello", "plain", "Hello"] * 2
    assert connection.failure is None


def test_the_example_of_fragments():
    frames = compressed("f2 48 cd", fin=False), compressed("c9 c9 07 00", CONT)
    assert decode(extension(), *frames) == b"Hello"


def test_the_example_of_a_shared_window():
    # RFC 7692 7.2.3.2
    deflate, other = extension(), extension()
    first, second = (deflate.encode(Frame(True, TEXT, b"Hello")) for _ in range(2))
    assert first == compressed(HELLO)
    # That of the RFC, or shorter still, as zlib-ng's.
    assert len(second.data) <= len(compressed("f2 00 11 00 00").data)
    assert decode(other, first) + decode(other, second) == b"HelloHello"
    other = extension()
    assert decode(other, compressed(HELLO)) == b"Hello"
    assert decode(other, compressed("f2 00 11 00 00")) == b"Hello"


def test_the_example_of_a_block_without_compression():
    # RFC 7692 7.2.3.3
    data = "00 05 00 fa ff 48 65 6c 6c 6f 00"
    assert decode(extension(), compressed(data)) == b"Hello"
    assert extension(level=0).encode(Frame(True, TEXT, b"Hello")) == compressed(data)


def test_the_example_of_a_stream_that_ends():
    # RFC 7692 7.2.3.4
    deflate = extension()
    for _ in range(3):
        assert decode(deflate, compressed("f3 48 cd c9 c9 07 00 00")) == b"Hello"
    assert decode(deflate, compressed(HELLO)) == b"Hello"


def test_the_example_of_two_blocks():
    # RFC 7692 7.2.3.5
    data = "f2 48 05 00 00 00 ff ff ca c9 c9 07 00"
    assert decode(extension(), compressed(data)) == b"Hello"
    data = bytes.fromhex(data)
    for position in range(len(data) + 1):
        frames = Frame(False, TEXT, data[:position], True), Frame(True, CONT, data[position:])
        assert decode(extension(), *frames) == b"Hello"


def test_the_example_of_an_empty_fragment():
    # RFC 7692 7.2.3.6
    assert extension().encode(Frame(True, TEXT, b"")) == compressed("00")
    assert decode(extension(), compressed("00")) == b""


def exchange(sender, receiver, *parts, opcode=BINARY):
    """Send a message in fragments; return the frames on the wire and what arrived."""
    frames = [
        sender.encode(Frame(index == len(parts) - 1, CONT if index else opcode, part))
        for index, part in enumerate(parts)
    ]
    assert [frame.rsv1 for frame in frames] == [index == 0 for index in range(len(parts))]
    assert [frame.fin for frame in frames] == [
        index == len(parts) - 1 for index in range(len(parts))
    ]
    return frames, decode(receiver, *frames)


@pytest.mark.parametrize("no_takeover", [False, True])
@pytest.mark.parametrize("window", range(9, 16))
def test_every_window_and_takeover_there_and_back(no_takeover, window):
    sender = extension(local_no=no_takeover, local_bits=window)
    receiver = extension(remote_no=no_takeover, remote_bits=window)
    generator = random.Random(window)
    noise = generator.randbytes(40_000)
    for parts in [
        [b"Hello"],
        [b""],
        [b"", b""],
        [noise],
        [noise],
        [b"a" * 70_000],
        [b"x", b"", noise],
    ]:
        assert exchange(sender, receiver, *parts)[1] == b"".join(parts)


def test_a_window_of_8_bits_is_decompressed():
    # Where zlib is asked to compress with 256 bytes it takes 512: only the other way round works.
    raw = zlib.compressobj(wbits=-9, level=1)
    data = raw.compress(b"abcdefgh" * 20) + raw.flush(zlib.Z_SYNC_FLUSH)
    receiver = extension(remote_bits=8)
    assert decode(receiver, Frame(True, TEXT, data[:-4], True)) == b"abcdefgh" * 20


def test_context_takeover_makes_the_second_message_smaller():
    message = os.urandom(1000)
    for no_takeover in [False, True]:
        sender, receiver = extension(local_no=no_takeover), extension(remote_no=no_takeover)
        [first], _ = exchange(sender, receiver, message)
        [second], received = exchange(sender, receiver, message)
        assert received == message
        assert (len(second.data) < 100) == (not no_takeover)
        if no_takeover:
            assert first == second
            # Each message can be read by somebody who hasn't seen the one before.
            assert decode(extension(remote_no=True), second) == message
    sender = extension()
    sender.encode(Frame(True, BINARY, message))
    with pytest.raises(ProtocolError):
        extension().decode(sender.encode(Frame(True, BINARY, message)))


def test_without_takeover_the_fragments_of_a_message_share_their_context():
    message = os.urandom(1000)
    sender, receiver = extension(local_no=True), extension(remote_no=True)
    frames, received = exchange(sender, receiver, message, message)
    assert received == message * 2
    assert len(frames[1].data) < 100


@pytest.mark.parametrize("empty", [[b""], [b"", b""], [b"", b"", b""]])
def test_empty_messages_one_after_the_other(empty):
    sender, receiver = extension(), extension()
    for parts in [empty, empty, [b"Hello"], empty, empty, [b"Hello"]]:
        assert exchange(sender, receiver, *parts)[1] == b"".join(parts)


def test_compress_settings_are_used():
    data = b"Hello Hello Hello " * 100
    sizes = [
        len(extension(level=level).encode(Frame(True, TEXT, data)).data) for level in [0, 1, 9]
    ]
    assert sizes[0] > len(data) > sizes[1] >= sizes[2]


def by_zlib(takeover=False, **settings):
    """Make messages of many sizes, and what zlib compresses them to."""
    draw = random.Random(7)
    stream = None
    for size in [1, 100, 300, 1000, 5000, 40_000, 300]:
        message = bytes(draw.choices(b"abcdefgh", k=size)) * 2
        if stream is None or not takeover:
            stream = zlib.compressobj(**settings)
        data = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
        yield message, data[:-4]


@with_one_zlib
@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize(
    "settings", [{"level": 6}, {"level": 1, "memLevel": 9}, {"memLevel": 4}, {"strategy": 2}]
)
def test_compress_settings_are_followed_to_the_letter(settings, bits, takeover):
    sender = extension(local_no=not takeover, local_bits=bits, **settings)
    for message, data in by_zlib(takeover, wbits=-bits, **settings):
        assert sender.encode(Frame(True, BINARY, message)).data == data


@with_one_zlib
@pytest.mark.parametrize("bits", [9, 12, 15])
def test_the_default_with_takeover_is_a_small_window(bits):
    sender, kept = extension(local_bits=bits), min(bits, 12)
    for message, data in by_zlib(True, level=1, wbits=-kept, memLevel=max(kept - 7, 3)):
        assert sender.encode(Frame(True, BINARY, message)).data == data
    with measured() as memory:
        others = [extension(local_bits=bits) for _ in range(10)]
        for other in others:
            other.encode(Frame(True, BINARY, bytes(1000)))
    assert memory.kept < 10 * 50_000


@with_one_zlib
def test_the_default_without_takeover_compresses_as_well_as_the_largest_tables():
    sender = extension(local_no=True)
    for message, data in by_zlib(level=1, wbits=-15, memLevel=9):
        assert len(sender.encode(Frame(True, BINARY, message)).data) <= 1.02 * len(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_payloads(kind):
    assert exchange(extension(), extension(), kind(b"abc"), kind(b"def"))[1] == b"abcdef"


@settings(max_examples=60)
@given(
    messages=st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=4), max_size=6),
    no_takeover=st.booleans(),
    level=st.sampled_from([0, 1, 9]),
)
def test_any_messages_there_and_back(messages, no_takeover, level):
    sender = extension(local_no=no_takeover, level=level)
    receiver = extension(remote_no=no_takeover)
    for parts in messages:
        assert exchange(sender, receiver, *parts)[1] == b"".join(parts)


# What isn't compressed


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frames_are_left_alone(opcode):
    deflate = extension()
    original = Frame(True, opcode, b"\x03\xe8")
    assert deflate.encode(original) == original
    assert deflate.decode(original) == original
    # Nobody has accounted for the bit, so the core refuses the frame.
    assert deflate.decode(original._replace(rsv1=True)).rsv1


def test_messages_without_compression_in_between():
    deflate = extension()
    for data in [HELLO, "f2 00 11 00 00"]:
        assert decode(deflate, compressed(data)) == b"Hello"
        plain = Frame(False, TEXT, b"f2"), Frame(True, CONT, b"48")
        assert decode(deflate, *plain) == b"f248"


def test_control_frames_between_fragments():
    deflate = extension()
    ping = Frame(True, PING, b"?")
    assert deflate.decode(compressed("f2 48 cd", fin=False)).data
    assert deflate.decode(ping) == ping
    assert deflate.decode(compressed("c9 c9 07 00", CONT)).data


def test_the_other_bits_are_left_alone():
    frame = compressed(HELLO)._replace(rsv2=True, rsv3=True)
    decoded = extension().decode(frame)
    assert decoded == Frame(True, TEXT, b"Hello", False, True, True)


def test_rsv1_on_a_continuation_frame():
    for first in [compressed("f2 48 cd", fin=False), Frame(False, TEXT, b"plain")]:
        deflate = extension()
        deflate.decode(first)
        with pytest.raises(ProtocolError):
            deflate.decode(Frame(True, CONT, b"", rsv1=True))


# What can't be decompressed


@pytest.mark.parametrize("data", ["ff", "07", "06", "00 01 00 00 00", "f2 00 11 00 00", "ff" * 100])
def test_garbage(data):
    with pytest.raises(ProtocolError) as raised:
        extension().decode(compressed(data))
    assert str(raised.value) == "decompression failed"
    assert isinstance(raised.value.__cause__, zlib.error)


# Streams that end (RFC 7692 7.2.3.4)


def ended(data):
    raw = zlib.compressobj(wbits=-15)
    return raw.compress(data) + raw.flush()


@pytest.mark.parametrize("tail", [b"", b"\x00"], ids=["bare", "padded"])
def test_a_stream_that_ends_in_every_cut(tail):
    data = ended(b"Hello") + tail
    for position in range(len(data) + 1):
        deflate = extension()
        for _ in range(3):
            frames = Frame(False, TEXT, data[:position], True), Frame(True, CONT, data[position:])
            assert decode(deflate, *frames) == b"Hello"
        assert decode(deflate, compressed(HELLO)) == b"Hello"


@pytest.mark.parametrize("tail", [b"", b"\x00"], ids=["bare", "padded"])
def test_several_streams_in_a_message(tail):
    data = ended(b"Hello") + ended(b", ") + ended(b"") + ended(b"world")
    assert decode(extension(), Frame(True, TEXT, data + tail, True)) == b"Hello, world"


def test_a_stream_that_ends_ends_its_context():
    deflate = extension()
    decode(deflate, Frame(True, TEXT, ended(b"Hello"), True))
    with pytest.raises(ProtocolError):
        # That refers to a Hello before.
        deflate.decode(compressed("f2 00 11 00 00"))


def test_a_flood_of_streams():
    assert decode(extension(), Frame(True, TEXT, ended(b"a") * 16, True)) == b"a" * 16
    with pytest.raises(ProtocolError):
        extension().decode(Frame(True, TEXT, ended(b"a") * 17, True))


def test_streams_count_together():
    twice = Frame(True, TEXT, ended(b"abc") * 2, True)
    assert decode(extension(), twice, max_size=6) == b"abcabc"
    with pytest.raises(PayloadTooBig):
        extension().decode(twice, max_size=5)
    bomb = Frame(True, TEXT, ended(b"abc") + ended(bytes(10_000_000)), True)
    with measured() as memory:
        with pytest.raises(PayloadTooBig):
            extension().decode(bomb, max_size=3)
    assert memory.peak < 200_000


# max_size


@pytest.mark.parametrize("size", [0, 1, 5, 1000, 16384, 100_000])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_message_of_max_size_passes_and_one_byte_more_fails(size, level):
    deflate, receiver = extension(level=level), extension()
    message = deflate.encode(Frame(True, BINARY, b"a" * size))
    assert decode(receiver, message, max_size=size) == b"a" * size
    message = deflate.encode(Frame(True, BINARY, b"a" * (size + 1)))
    with pytest.raises(PayloadTooBig):
        receiver.decode(message, max_size=size)


def test_a_limit_does_not_disturb_the_stream():
    sender, receiver = extension(), extension()
    for size in [5, 0, 1000, 1, 30_000]:
        message = os.urandom(size)
        assert (
            decode(receiver, sender.encode(Frame(True, BINARY, message)), max_size=size) == message
        )


@pytest.mark.parametrize("max_size", [0, 1000])
def test_a_bomb_is_not_inflated(max_size):
    bomb = extension(level=9).encode(Frame(True, BINARY, bytes(10_000_000)))
    assert len(bomb.data) < 20_000
    with measured() as memory:
        with pytest.raises(PayloadTooBig):
            extension().decode(bomb, max_size=max_size)
    assert memory.peak < 200_000


# The state


def test_an_idle_connection_without_takeover_has_no_streams():
    deflate = extension(remote_no=True, local_no=True)
    with measured() as memory:
        exchange(deflate, deflate, bytes(100_000))
        exchange(deflate, deflate, b"a", b"b")
    assert memory.kept < 3000


def test_a_connection_that_compresses_nothing_has_no_streams():
    with measured() as memory:
        deflate = extension()
        deflate.decode(Frame(True, TEXT, b"plain"))
        deflate.encode(Frame(True, PING, b""))
    assert memory.kept < 3000


# What a program may ask of it


def test_messages_below_min_size_are_not_compressed():
    deflate = PerMessageDeflate(False, False, 15, 15, min_size=6)
    for size in [0, 5, 6]:
        plain = Frame(True, TEXT, bytes(size))
        assert (deflate.encode(plain) == plain) == (size < 6)
    # Nobody knows how long the message of a first fragment will be.
    assert exchange(deflate, extension(), b"a", b"b")[1] == b"ab"
    assert not deflate.encode(Frame(True, TEXT, b"plain")).rsv1


@pytest.mark.parametrize("min_size", [0, 100])
@pytest.mark.parametrize("compress", [False, True])
def test_whether_to_compress_can_be_said_of_each_message(min_size, compress):
    deflate = PerMessageDeflate(False, False, 15, 15, min_size=min_size)
    for fin in [True, False]:
        frame = Frame(fin, TEXT, b"Hello")
        assert deflate.encode(frame, compress=compress).rsv1 == compress
        assert (deflate.encode(frame, compress=compress) == frame) == (not compress)
    # The rest of a message goes the way of its beginning.
    rest = Frame(True, CONT, b"Hello")
    assert (deflate.encode(rest) == rest) == (not compress)
    ping = Frame(True, PING, b"Hello")
    assert deflate.encode(ping, compress=compress) == ping


def test_statistics():
    sender, receiver = extension(), extension()
    assert sender.sent == receiver.received == (0, 0, 0)
    assert sender.sent.ratio == 1
    frames = [*exchange(sender, receiver, bytes(600), bytes(400))[0]]
    frames += exchange(sender, receiver, b"")[0]
    sender.encode(Frame(True, PING, b"?"))
    receiver.decode(Frame(True, TEXT, b"plain"))
    size = sum(len(frame.data) for frame in frames)
    assert sender.sent == receiver.received == (2, 1000, size)
    assert sender.sent.ratio == size / 1000
    assert sender.received == receiver.sent == (0, 0, 0)


def test_who_can_share_a_compressed_message():
    alike = [extension(local_no=True, level=1), extension(True, True, 9, level=1)]
    others = [
        extension(local_no=True),
        extension(local_no=True, local_bits=14, level=1),
        extension(local_no=True, level=2),
        extension(local_no=True, level=1, memLevel=7),
        PerMessageDeflate(False, True, 15, 15, {"level": 1}, min_size=100),
    ]
    assert alike[0].sharing_key == alike[1].sharing_key is not None
    assert len({deflate.sharing_key for deflate in alike + others}) == 6
    assert extension(level=1).sharing_key is None
    messages = {deflate.encode(Frame(True, TEXT, b"Hello " * 100)).data for deflate in alike}
    assert len(messages) == 1


# In an endpoint


def endpoint(core, is_client=True, deflate=None, **options):
    chain = ExtensionChain([deflate or extension()])
    return core.endpoint.Endpoint(is_client, extensions=chain, **options)


def deflated(*parts, opcode=TEXT, sender=None):
    """Build the frames of a compressed message."""
    frames, _ = exchange(sender or extension(), extension(), *parts, opcode=opcode)
    return b"".join(
        frame(drawn.opcode, drawn.data, fin=drawn.fin, rsv=drawn.rsv1 << 2) for drawn in frames
    )


def test_an_endpoint_in_every_cut(core):
    sender = extension()
    messages = [["héllo ".encode()] * 3, [b"plain"], ["€".encode()[:1], "€".encode()[1:]], [b""]]
    parts = [
        frame(TEXT, b"plain")
        if message == [b"plain"]
        else b"".join(
            frame(drawn.opcode, drawn.data, fin=drawn.fin, rsv=drawn.rsv1 << 2) + frame(PING)
            for drawn in (
                sender.encode(Frame(index == len(message) - 1, CONT if index else TEXT, part))
                for index, part in enumerate(message)
            )
        )
        for message in messages
    ]
    wire = b"".join(parts) + close(1000)
    for position in range(len(wire) + 1):
        connection = feed(endpoint(core), [wire[:position], wire[position:]])
        assert list(connection.inbox) == ["héllo " * 3, "plain", "€", ""]
        assert connection.failure is None
        connection.settle()
        assert [drawn.opcode for drawn in sent(connection)] == [PONG] * 6 + [CLOSE]


def test_two_endpoints(core):
    client, server = endpoint(core, True), endpoint(core, False)
    for _ in range(2):
        client.send_frame(TEXT, b"Hel", fin=False)
        client.send_frame(PING, b"?")
        client.send_frame(CONT, b"lo")
        server_bytes = client.collect()
        feed(server, server_bytes)
        assert server.take() == "Hello"
    assert [drawn.rsv for drawn in sent(server)] == [0, 0]


@pytest.mark.parametrize(
    "wire",
    [
        frame(TEXT, b"\xff" * 10, rsv=0b100),
        frame(PING, b"", rsv=0b100),
        frame(CLOSE, b"", rsv=0b100),
        frame(TEXT, b"", rsv=0b010),
        frame(TEXT, bytes.fromhex("f2 48 cd"), rsv=0b100, fin=False)
        + frame(CONT, bytes.fromhex("c9 c9 07 00"), rsv=0b100),
        frame(CONT, bytes.fromhex(HELLO)),
        frame(CONT, bytes.fromhex(HELLO), rsv=0b100),
    ],
    ids=["garbage", "ping", "close", "RSV2", "continuation", "no message", "no message, RSV1"],
)
def test_violations(core, wire):
    connection = feed(endpoint(core), [wire])
    assert said(connection)[0] == 1002
    assert isinstance(connection.failure, ProtocolError)


def test_without_the_extension_a_compressed_message_is_a_violation(core):
    connection = core.endpoint.Endpoint(True)
    connection.receive(frame(TEXT, bytes.fromhex(HELLO), rsv=0b100))
    assert said(connection)[0] == 1002


def test_text_that_is_not_utf8(core):
    connection = feed(endpoint(core), [deflated(b"abc\xff")])
    assert said(connection)[0] == 1007


@pytest.mark.parametrize("parts", [[6], [1, 5], [5, 1], [6, 0], [0, 6], [2, 2, 2]])
def test_max_size_is_about_messages(core, parts):
    parts = [b"a" * size for size in parts]
    connection = feed(endpoint(core, max_size=6), [deflated(*parts)])
    assert connection.take() == "aaaaaa"
    connection = feed(endpoint(core, max_size=5), [deflated(*parts)])
    assert said(connection)[0] == 1009
    assert not connection.inbox


@pytest.mark.parametrize("size", [0, 1, 100, 1000, 70_000])
def test_what_does_not_compress_has_the_same_limit(core, size):
    for level in [0, 1, 9]:
        noise = os.urandom(size)
        wire = deflated(noise, opcode=BINARY, sender=extension(level=level))
        assert feed(endpoint(core, max_size=size), [wire]).take() == noise


@pytest.mark.parametrize("count", [1, 10])
def test_bombs_stop_an_endpoint(core, count):
    bomb = deflated(*[bytes(10_000_000 // count)] * count)
    connection = endpoint(core, max_size=100_000)
    with measured() as memory:
        feed(connection, [bomb])
    assert said(connection)[0] == 1009
    assert memory.peak < 500_000


def test_a_bomb_when_no_room_is_left(core):
    sender = extension()
    wire = b"".join(
        frame(drawn.opcode, drawn.data, fin=drawn.fin, rsv=drawn.rsv1 << 2)
        for drawn in [
            sender.encode(Frame(False, BINARY, bytes(100_000))),
            sender.encode(Frame(True, CONT, bytes(10_000_000))),
        ]
    )
    connection = endpoint(core, max_size=100_000)
    with measured() as memory:
        feed(connection, [wire])
    assert said(connection)[0] == 1009
    assert memory.peak < 500_000


class Louder(PerMessageDeflate):
    """A program's own version of the extension."""

    def encode(self, frame):
        return super().encode(frame._replace(data=bytes(frame.data).upper()))


class Plain:
    """Another extension, which does nothing."""

    def encode(self, frame):
        return frame

    def decode(self, frame):
        return frame


@pytest.mark.parametrize("chain", ["direct", "frames", "with another", "with another one before"])
def test_every_way_to_the_extension(core, chain):
    make = {
        "direct": lambda: [extension()],
        "frames": lambda: [Louder(False, False, 15, 15)],
        "with another": lambda: [extension(), Plain()],
        "with another one before": lambda: [Plain(), extension()],
    }[chain]
    ends = [
        core.endpoint.Endpoint(side, 100, extensions=ExtensionChain(make()))
        for side in [True, False]
    ]
    for sender, receiver in [ends, reversed(ends)]:
        sender.send_frame(TEXT, "Hello")
        sender.send_frame(TEXT, b"Hel", fin=False)
        sender.send_frame(PING, b"?")
        sender.send_frame(CONT, bytearray(b"lo"))
        sender.send_frame(BINARY, memoryview(b""))
        feed(receiver, sender.collect())
        hello = "HELLO" if chain == "frames" else "Hello"
        assert [receiver.take() for _ in range(3)] == [hello, hello, b""]
        assert [drawn.rsv for drawn in sent(receiver)] == [0]
    sender, receiver = ends
    sender.collect()
    receiver.collect()
    sender.send_frame(BINARY, bytes(101))
    feed(receiver, sender.collect())
    assert said(receiver)[0] == 1009


@pytest.mark.parametrize("extensions", [[], [Plain()], [Plain(), extension()], [extension()]])
def test_a_chain_passes_on_whether_to_compress(extensions):
    chain = ExtensionChain(extensions)
    compresses = bool(extensions) and extensions[-1].__class__ is not Plain
    for compress in [None, True, False]:
        rsv, opcode, payload = chain.encode(True, TEXT, b"Hello", compress)
        assert opcode == TEXT
        assert (rsv == 0x40) == (payload != b"Hello") == (compresses and compress is not False)


@pytest.mark.parametrize("rsv", [0x10, 0x20, 0x50])
def test_bits_that_nobody_has_accounted_for(rsv):
    for extensions in [[extension()], [extension(), Plain()]]:
        with pytest.raises(ProtocolError):
            ExtensionChain(extensions).decode(True, rsv, TEXT, bytes.fromhex(HELLO), None)
