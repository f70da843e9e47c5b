"""
The kernel of compression: its two builds, against each other and against Python's zlib.
"""

import random
import threading
import zlib

import pytest
from endpoints import measured
from hypothesis import given, settings
from hypothesis import strategies as st
from zlibs import ONE_ZLIB, with_one_zlib

from websockets import _core
from websockets.exceptions import PayloadTooBig

TAIL = b"\x00\x00\xff\xff"
WINDOWS = range(9, 16)

takeovers = pytest.mark.parametrize("takeover", [False, True], ids=["alone", "takeover"])


def text(size, seed=0):
    """Return bytes with matches near and far."""
    generator = random.Random(seed)
    words = [generator.randbytes(generator.randint(1, 20)) for _ in range(300)]
    return b"".join(generator.choices(words, k=size // 8 + 1))[:size]


def inflated(*pieces):
    """Return what Python's zlib makes of the pieces of one message or of several."""
    return zlib.decompressobj(-15).decompress(b"".join(pieces))


def ended(data):
    raw = zlib.compressobj(wbits=-15)
    return raw.compress(data) + raw.flush()


# There and back


@takeovers
@pytest.mark.parametrize("bits", WINDOWS)
def test_zlib_reads_what_is_compressed_with_every_window(core, bits, takeover):
    deflater = core.deflate.Deflater(bits, takeover)
    stream = None
    # Some are as large as a window, or as a window that also holds what follows.
    for size in [1, 249, 250, 251, 512, 4096, 7930, 32_506, 70_000, 5, 70_000]:
        message = text(size)
        if stream is None or not takeover:
            stream = zlib.decompressobj(-bits)
        assert stream.decompress(deflater.compress(message) + TAIL) == message


@takeovers
@pytest.mark.parametrize("bits", WINDOWS)
def test_what_zlib_has_compressed_with_every_window(core, bits, takeover):
    inflater = core.deflate.Inflater(bits, takeover)
    stream = None
    for seed, size in enumerate([10, 40_000, 0, 1, 100_000, 300]):
        if stream is None or not takeover:
            stream = zlib.compressobj(wbits=-bits)
        message = text(size, seed % 2)
        data = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
        assert inflater.decompress(data[:-4]) == message


messages = st.lists(
    st.lists(st.binary(max_size=30) | st.integers(0, 3000).map(text), min_size=1, max_size=3),
    max_size=5,
)


@settings(max_examples=60)
@given(
    messages=messages,
    bits=st.integers(9, 15),
    takeover=st.booleans(),
    options=st.tuples(st.integers(-1, 9), st.integers(0, 9), st.integers(0, 4)),
)
def test_the_builds_read_each_other(messages, bits, takeover, options, compiled_core):
    backends = [compiled_core.deflate, _core.load("pure").deflate]
    deflaters = [backend.Deflater(bits, takeover, *options) for backend in backends]
    # Each inflater gets what the other build has compressed.
    inflaters = [backend.Inflater(bits, takeover) for backend in reversed(backends)]
    for message in messages:
        for index, piece in enumerate(message):
            final = index == len(message) - 1
            compressed = set()
            for deflater, inflater in zip(deflaters, inflaters):
                data = deflater.compress(piece, final)
                compressed.add(data)
                assert final or data.endswith(TAIL)
                assert inflater.decompress(data, len(piece), final) == piece
            assert len(compressed) == 1 or not ONE_ZLIB
    size = sum(len(piece) for message in messages for piece in message)
    for deflater, inflater in zip(deflaters, inflaters):
        assert (deflater.messages, deflater.size) == (len(messages), size)
        assert (inflater.messages, inflater.size) == (len(messages), size)
        assert deflater.compressed_size == inflater.compressed_size


@takeovers
def test_empty_messages_and_pieces(core, takeover):
    deflater = core.deflate.Deflater(15, takeover)
    inflater = core.deflate.Inflater(15, takeover)
    for _ in range(2):
        assert deflater.compress(b"") == b"\0"
        assert inflater.decompress(b"\0", 0) == b""
        pieces = [
            deflater.compress(piece, final)
            for piece, final in [(b"", False), (b"Hello", False), (b"", False), (b"", True)]
        ]
        assert pieces[0] == pieces[2] == b"\0" + TAIL
        assert pieces[3] == b"\0"
        assert b"".join(
            inflater.decompress(piece, None, index == 3) for index, piece in enumerate(pieces)
        ) == (b"Hello")
    # That isn't DEFLATE together with the tail, but what else could it mean?
    assert inflater.decompress(b"") == b""
    assert inflater.decompress(core.deflate.Deflater(15, False).compress(b"Hello")) == b"Hello"


def test_every_piece_comes_out_as_a_whole(core):
    # Where the output is full just when the input is used up, there is more to come.
    data = core.deflate.Deflater(15, True).compress(bytes(100_000))
    for cut in range(len(data)):
        whole = zlib.decompressobj(-15).decompress(data[:cut])
        assert core.deflate.Inflater(15, True).decompress(data[:cut], None, False) == whole


def test_a_window_of_8_bits_is_not_taken_exactly(core):
    # Who can't have one of 256 bytes takes one of 512, as zlib itself does.
    noise = text(300)
    stream, inflater = zlib.compressobj(wbits=-10), core.deflate.Inflater(8, True)
    for _ in range(3):
        data = stream.compress(noise) + stream.flush(zlib.Z_SYNC_FLUSH)
        assert inflater.decompress(data[:-4]) == noise


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_data(core, kind):
    data = core.deflate.Deflater(15, True).compress(kind(b"Hello"))
    assert type(data) is bytes
    message = core.deflate.Inflater(15, True).decompress(kind(data))
    assert (type(message), message) == (bytes, b"Hello")


@pytest.mark.parametrize("wrong", ["Hello", None, 5])
def test_what_is_not_bytes(core, wrong):
    for takeover in [False, True]:
        with pytest.raises(TypeError):
            core.deflate.Deflater(15, takeover).compress(wrong)
        with pytest.raises(TypeError):
            core.deflate.Inflater(15, takeover).decompress(wrong)


@pytest.mark.parametrize("options", [(10,), (-2,), (6, -1), (6, 10), (6, 8, 5)])
@takeovers
def test_options_that_zlib_refuses(core, options, takeover):
    with pytest.raises(ValueError):
        core.deflate.Deflater(15, takeover, *options).compress(b"Hello")


def test_a_level_is_used(core):
    message = text(10_000)
    sizes = [len(core.deflate.Deflater(15, False, level).compress(message)) for level in [0, 1, 9]]
    assert sizes[0] > len(message) > sizes[1] > sizes[2]


def test_a_strategy_is_used(core):
    message = bytes(1000)
    huffman = core.deflate.Deflater(15, False, -1, 8, zlib.Z_HUFFMAN_ONLY).compress(message)
    assert len(huffman) > 2 * len(core.deflate.Deflater(15, False).compress(message))


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_many_sizes(core, seed):
    generator = random.Random(seed)
    deflaters = [
        core.deflate.Deflater(bits, takeover, level, mem_level)
        for bits, takeover, level, mem_level in [
            (15, False, -1, 8),
            (9, True, 0, 1),
            (9, True, 9, 1),
        ]
    ]
    for size in [1, 5, 100, 512, 16_383, 65_536, 200_000]:
        noise = generator.randbytes(size)
        for deflater in deflaters:
            data = deflater.compress(noise)
            # The bound on which a receiver's limit on frames stands.
            assert len(data) <= size + (size + 7 >> 3) + (size + 63 >> 6) + 16
            assert inflated(data + TAIL) == noise


# Limits


@takeovers
@pytest.mark.parametrize("size", [0, 1, 2, 5, 511, 512, 513, 1000, 65_536, 1_000_000])
def test_the_limit_is_exact(core, size, takeover):
    for message in [bytes(size), text(size)]:
        data = core.deflate.Deflater(15, False).compress(message)
        for limit in [size, size + 1, 2**63 - 2, 2**63 - 1, 2**63, 2**70, None]:
            assert core.deflate.Inflater(15, takeover).decompress(data, limit) == message
        for limit in {0, size // 2, size - 1} - {size, -1}:
            with pytest.raises(PayloadTooBig) as raised:
                core.deflate.Inflater(15, takeover).decompress(data, limit)
            assert str(limit) in str(raised.value)


def test_a_limit_below_zero_is_no_room(core):
    inflater = core.deflate.Inflater(15, True)
    assert inflater.decompress(b"\0", -5) == b""
    with pytest.raises(PayloadTooBig):
        inflater.decompress(core.deflate.Deflater(15, True).compress(b"a"), -5)


@takeovers
def test_a_bomb_stops_at_the_limit(core, takeover):
    raw = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(raw.compress(bytes(2**20)) for _ in range(100)) + raw.flush(zlib.Z_SYNC_FLUSH)
    for limit in [0, 100_000, 2**20]:
        with measured() as memory:
            with pytest.raises(PayloadTooBig):
                core.deflate.Inflater(15, takeover).decompress(bomb, limit)
        assert memory.peak < 2 * limit + 100_000 + len(bomb)


# What isn't DEFLATE


@takeovers
@pytest.mark.parametrize("data", ["ff", "07", "06", "00 01 00 00 00", "ff" * 100])
def test_garbage(core, data, takeover):
    inflater = core.deflate.Inflater(15, takeover)
    for _ in range(3):
        with pytest.raises(zlib.error) as raised:
            inflater.decompress(bytes.fromhex(data))
        assert str(raised.value).startswith("Error -3 while decompressing data: invalid ")
        # Nothing of it is left in the state, nor in the pool.
        empty = core.deflate.Deflater(15, False, 0).compress(bytes(20))
        assert inflater.decompress(empty) == bytes(20)
        assert core.deflate.Inflater(15, False).decompress(empty) == bytes(20)


def test_what_another_message_had_is_out_of_reach(core):
    hello, again = bytes.fromhex("f2 48 cd c9 c9 07 00"), bytes.fromhex("f2 00 11 00 00")
    inflater = core.deflate.Inflater(15, True)
    assert [inflater.decompress(data) for data in [hello, again]] == [b"Hello"] * 2
    # These get the state that the message before them had.
    inflater = core.deflate.Inflater(15, False)
    for reader in [inflater, core.deflate.Inflater(15, False)]:
        assert reader.decompress(hello) == b"Hello"
        with pytest.raises(zlib.error):
            reader.decompress(again)
    deflater = core.deflate.Deflater(15, False)
    for writer in [deflater, deflater, core.deflate.Deflater(15, False)]:
        assert writer.compress(b"Hello") == hello


def outcome(inflater, data, limit, final):
    try:
        return inflater.decompress(data, limit, final)
    except (zlib.error, PayloadTooBig) as exc:
        return type(exc), str(exc)


@st.composite
def damaged(draw):
    """Draw pieces of messages in which something is wrong, or not."""
    data = zlib.compressobj(draw(st.integers(0, 9)), wbits=-draw(st.integers(9, 15)))
    wire = bytearray(data.compress(draw(st.binary(max_size=100)) + text(draw(st.integers(0, 500)))))
    wire += data.flush(draw(st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])))
    if wire and draw(st.booleans()):
        wire[draw(st.integers(0, len(wire) - 1))] ^= 1 << draw(st.integers(0, 7))
    cut = draw(st.integers(0, len(wire)))
    return [bytes(wire[:cut]), bytes(wire[cut:]) + draw(st.binary(max_size=5))]


@settings(max_examples=200)
@given(
    pieces=st.lists(damaged() | st.lists(st.binary(max_size=40)), max_size=3),
    finals=st.lists(st.booleans(), max_size=6),
    takeover=st.booleans(),
    limit=st.none() | st.integers(0, 600),
)
def test_the_builds_agree_on_whatever_comes(pieces, finals, takeover, limit, compiled_core):
    inflaters = [
        backend.deflate.Inflater(15, takeover) for backend in [compiled_core, _core.load("pure")]
    ]
    for index, piece in enumerate(piece for pair in pieces for piece in pair):
        final = finals[index % len(finals)] if finals else True
        one, other = (outcome(inflater, piece, limit, final) for inflater in inflaters)
        assert one == other


# Streams that end (RFC 7692 7.2.3.4)


@takeovers
@pytest.mark.parametrize("padding", [b"", b"\x00"], ids=["bare", "padded"])
def test_streams_that_end(core, takeover, padding):
    inflater = core.deflate.Inflater(15, takeover)
    data = ended(b"Hello") + ended(b", ") + ended(b"world") + padding
    for _ in range(3):
        assert inflater.decompress(data) == b"Hello, world"
        for cut in range(len(data) + 1):
            parts = inflater.decompress(data[:cut], None, False), inflater.decompress(data[cut:])
            assert b"".join(parts) == b"Hello, world"
    hello = core.deflate.Deflater(15, True).compress(b"Hello")
    assert inflater.decompress(hello) == b"Hello"


def test_a_stream_that_ends_in_the_tail(core):
    # The last byte of it was taken for one of the tail's, as RFC 7692 7.2.3.4 warns.
    inflater = core.deflate.Inflater(15, True)
    data = bytes.fromhex("f3 48 cd c9 c9 07")
    for _ in range(3):
        assert inflater.decompress(data) == b"Hello"
        assert inflater.decompress(b"\0") == b""


def test_a_flood_of_streams(core):
    inflater = core.deflate.Inflater(15, True)
    assert inflater.decompress(ended(b"a") * 16) == b"a" * 16
    with pytest.raises(zlib.error):
        inflater.decompress(ended(b"a") * 17)


# The states


def traffic(core, takeover, connections, message, bits=15):
    pairs = [
        (core.deflate.Deflater(bits, takeover), core.deflate.Inflater(bits, takeover))
        for _ in range(connections)
    ]
    for deflater, inflater in pairs:
        assert inflater.decompress(deflater.compress(message)) == message
    return pairs


def test_without_takeover_connections_hold_no_state(core):
    message = text(10_000)
    traffic(core, False, 1, message)  # which leaves a state in the pool
    with measured() as memory:
        pairs = traffic(core, False, 100, message)
    assert memory.kept < 100 * 1000
    assert pairs


@with_one_zlib
@pytest.mark.parametrize("bits, most", [(15, 315_000), (12, 170_000), (9, 155_000)])
def test_with_takeover_a_connection_has_its_states_from_the_first_message_on(core, bits, most):
    with measured() as memory:
        idle = [
            (core.deflate.Deflater(bits, True), core.deflate.Inflater(bits, True))
            for _ in range(10)
        ]
    assert memory.kept < 10 * 1000
    with measured() as memory:
        pairs = traffic(core, True, 10, text(10_000), bits)
    assert 10 * 10_000 < memory.kept < 10 * most
    with measured() as memory:
        traffic(core, True, 10, text(10_000), bits)
    assert memory.kept < 5000
    assert idle and pairs


def test_a_state_after_the_other_from_the_pool(core):
    # A fragmented message keeps its state; what others get from the pool meanwhile is not it.
    deflaters = [core.deflate.Deflater(15, False) for _ in range(10)]
    inflaters = [core.deflate.Inflater(15, False) for _ in range(10)]
    for _ in range(3):
        for part, final in [(b"Hello", False), (b"Hello", True)]:
            for index, (deflater, inflater) in enumerate(zip(deflaters, inflaters)):
                piece = b"%d" % index + part
                assert inflater.decompress(deflater.compress(piece, final), None, final) == piece
    data = {deflater.compress(b"Hello" * 20) for deflater in deflaters}
    assert len(data) == 1


@takeovers
def test_threads(core, takeover):
    # Large messages are worked on without the global interpreter lock.
    message = text(300_000)
    failures = []

    def work(seed):
        mine = message[seed:]
        deflater = core.deflate.Deflater(15, takeover)
        inflater = core.deflate.Inflater(15, takeover)
        for _ in range(3):
            if inflater.decompress(deflater.compress(mine), len(mine)) != mine:
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_one_stream_in_two_threads(compiled_core):
    deflater = compiled_core.deflate.Deflater(15, True, 9)
    message = text(3_000_000)
    ready, outcomes = threading.Barrier(2), []

    def work():
        ready.wait()
        try:
            outcomes.append(deflater.compress(message))
        except RuntimeError as exc:
            outcomes.append(exc)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One was refused, unless it came when the other one was through.
    whole = [outcome + TAIL for outcome in outcomes if isinstance(outcome, bytes)]
    assert inflated(*whole) == message * len(whole)
    assert whole
