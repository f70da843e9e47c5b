"""
The kernel of compression on other libraries than zlib: in C where its functions are found, else as
a module like any other. What zlib does there is in test_deflate_kernel.py.
"""

import random
import threading
import types
import zlib
from functools import partial

import pytest
from endpoints import measured
from zlibs import OTHERS, other

from websockets import _core
from websockets.exceptions import PayloadTooBig

TAIL = b"\x00\x00\xff\xff"

takeovers = pytest.mark.parametrize("takeover", [False, True], ids=["alone", "takeover"])


@pytest.fixture(params=["zlib-ng in C", *OTHERS])
def streams(request):
    """Streams of a library at its level 1, which all of them have."""
    name, _, in_c = request.param.partition(" ")
    library = other(name)
    deflate = _core.load("pure").deflate
    if in_c:
        deflate = request.getfixturevalue("compiled_core").deflate
        library = deflate.find_functions(library)
        if library is None:
            pytest.skip("its functions can't be called here")
    return types.SimpleNamespace(
        Deflater=partial(deflate.Deflater, level=1, library=library),
        Inflater=partial(deflate.Inflater, library=library),
    )


def text(size, seed=0):
    """Return bytes with matches near and far."""
    generator = random.Random(seed)
    words = [generator.randbytes(generator.randint(1, 20)) for _ in range(300)]
    return b"".join(generator.choices(words, k=size // 8 + 1))[:size]


def raw(data, flush=zlib.Z_SYNC_FLUSH):
    stream = zlib.compressobj(9, wbits=-15)
    return (stream.compress(data) + stream.flush(flush))[
        : -len(TAIL) if flush == zlib.Z_SYNC_FLUSH else None
    ]


@takeovers
@pytest.mark.parametrize("bits", range(9, 16))
def test_zlib_reads_what_is_compressed_with_every_window(streams, bits, takeover):
    deflater = streams.Deflater(bits, takeover)
    stream = None
    for size in [1, 249, 250, 251, 512, 4096, 7930, 32_506, 70_000, 5, 70_000]:
        message = text(size)
        if stream is None or not takeover:
            stream = zlib.decompressobj(-bits)
        assert stream.decompress(deflater.compress(message) + TAIL) == message


@takeovers
@pytest.mark.parametrize("bits", range(9, 16))
def test_what_zlib_has_compressed_with_every_window(streams, bits, takeover):
    inflater = streams.Inflater(bits, takeover)
    stream = None
    for seed, size in enumerate([10, 40_000, 0, 1, 100_000, 300]):
        if stream is None or not takeover:
            stream = zlib.compressobj(wbits=-bits)
        message = text(size, seed % 2)
        data = stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH)
        assert inflater.decompress(data[:-4]) == message


@takeovers
def test_each_fragment_comes_out_at_once(streams, takeover):
    deflater, inflater = streams.Deflater(15, takeover), streams.Inflater(15, takeover)
    for size in [0, 1, 258, 16_384, 32_768, 40_000]:
        for piece, final in [(text(size), False), (b"", False), (bytes(size), False), (b"", True)]:
            data = deflater.compress(piece, final)
            assert inflater.decompress(data, len(piece), final) == piece


@takeovers
def test_a_message_in_frames_that_are_cut_anywhere(streams, takeover):
    message = text(2000) + bytes(40_000)
    data = streams.Deflater(15, takeover).compress(message)
    inflater = streams.Inflater(15, takeover)
    for cut in range(0, len(data), 7):
        first = inflater.decompress(data[:cut], len(message), False)
        rest = inflater.decompress(data[cut:], len(message) - len(first))
        assert first + rest == message


@pytest.mark.parametrize("bits, level", [(9, 1), (15, 1), (15, 3)])
def test_noise_stays_below_the_bound_on_which_limits_of_frames_stand(streams, bits, level):
    # Level 0 of ISA-L doesn't, below a kilobyte: each message has a table of 110 bytes.
    generator = random.Random(bits)
    for takeover in [False, True]:
        deflater = streams.Deflater(bits, takeover, level=level)
        for size in [1, 5, 100, 512, 16_383, 65_536, 200_000]:
            noise = generator.randbytes(size)
            data = deflater.compress(noise)
            assert len(data) <= size + (size + 7 >> 3) + (size + 63 >> 6) + 16
            assert len(data) > size


@takeovers
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 65_536, 1_000_000])
def test_the_limit_is_exact(streams, size, takeover):
    for message in [bytes(size), text(size)]:
        data = streams.Deflater(15, False).compress(message)
        for limit in [size, size + 1, 2**63 - 1, 2**70, None]:
            assert streams.Inflater(15, takeover).decompress(data, limit) == message
        for limit in {0, size // 2, size - 1} - {size, -1}:
            with pytest.raises(PayloadTooBig):
                streams.Inflater(15, takeover).decompress(data, limit)


@takeovers
@pytest.mark.parametrize("limit", [0, 100_000, 2**20])
def test_a_bomb_stops_at_the_limit(streams, takeover, limit):
    bomb = raw(bytes(50 * 2**20))
    with measured() as memory:
        with pytest.raises(PayloadTooBig):
            streams.Inflater(15, takeover).decompress(bomb, limit)
    assert memory.peak < 2 * limit + 250_000 + len(bomb)


@takeovers
@pytest.mark.parametrize("data", ["ff", "07", "06", "00 01 00 00 00", "ff" * 100])
def test_garbage_is_an_error_of_zlib(streams, data, takeover):
    inflater = streams.Inflater(15, takeover)
    for _ in range(3):
        with pytest.raises(zlib.error, match="Error -"):
            inflater.decompress(bytes.fromhex(data))
        assert inflater.decompress(raw(b"Hello")) == b"Hello"
        assert streams.Inflater(15, False).decompress(raw(b"Hello")) == b"Hello"


def test_what_another_message_had_is_out_of_reach(streams):
    hello, again = bytes.fromhex("f2 48 cd c9 c9 07 00"), bytes.fromhex("f2 00 11 00 00")
    inflater = streams.Inflater(15, True)
    assert [inflater.decompress(data) for data in [hello, again]] == [b"Hello"] * 2
    inflater = streams.Inflater(15, False)
    for reader in [inflater, streams.Inflater(15, False)]:
        assert reader.decompress(hello) == b"Hello"
        with pytest.raises(zlib.error):
            reader.decompress(again)


@takeovers
@pytest.mark.parametrize("padding", [b"", b"\x00"], ids=["bare", "padded"])
def test_streams_that_end(streams, takeover, padding):
    inflater = streams.Inflater(15, takeover)
    data = b"".join(raw(part, zlib.Z_FINISH) for part in [b"Hello", b", ", b"world"]) + padding
    for _ in range(2):
        assert inflater.decompress(data) == b"Hello, world"
        for cut in range(len(data) + 1):
            parts = inflater.decompress(data[:cut], None, False), inflater.decompress(data[cut:])
            assert b"".join(parts) == b"Hello, world"
    with pytest.raises(zlib.error):
        inflater.decompress(raw(b"a", zlib.Z_FINISH) * 17)


def test_without_takeover_connections_hold_no_state(streams):
    def traffic(connections):
        pairs = [
            (streams.Deflater(15, False), streams.Inflater(15, False)) for _ in range(connections)
        ]
        for deflater, inflater in pairs:
            assert inflater.decompress(deflater.compress(text(10_000))) == text(10_000)
        return pairs

    traffic(1)  # which leaves states where there is a pool
    with measured() as memory:
        pairs = traffic(100)
    assert memory.kept < 100 * 1000
    assert pairs


def test_threads_at_the_same_time(streams):
    failed = []

    def talk(seed):
        try:
            deflater, inflater = streams.Deflater(15, seed % 2), streams.Inflater(15, seed % 2)
            for size in [10, 100_000, 1000, 200_000] * 3:
                message = text(size, seed)
                assert inflater.decompress(deflater.compress(message), size) == message
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=talk, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_module_without_such_functions_is_not_called_in_c(compiled_core):
    find = compiled_core.deflate.find_functions
    for module in [zlib, random, types.ModuleType("made"), object()]:
        assert find(module) is None
    strange = types.ModuleType("strange")
    for strange.__file__ in ["/nowhere/strange.so", "", b"bytes", None, 5, __file__]:
        assert find(strange) is None
    strange.__file__ = "nul\0inside"
    assert find(strange) is None
