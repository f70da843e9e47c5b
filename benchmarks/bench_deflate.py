"""
Fifty messages through compression and back: the kernel, and the way of a connection to it; beside
zlib's own functions with nothing around them, and the kernel on other libraries. All with default
settings.
"""

import ctypes
import json
import os
import random
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from websockets import _core
from websockets.extensions._zlibs import Backend
from websockets.extensions.permessage_deflate import KEPT_WINDOW_BITS, LEVEL, PerMessageDeflate
from websockets.framing import ExtensionChain

SIZES = {"256 B": 256, "4 KiB": 4096}
COUNT = 50


def make_messages(size):
    generator = random.Random(size)
    messages = []
    for _ in range(COUNT):
        items, message = [], ""
        while len(message) < size:
            number = generator.randrange(10_000)
            items.append({"id": number, "name": f"user{number // 7}", "price": number / 100})
            message = json.dumps(items)
        messages.append(message[:size].encode())
    return messages


@pytest.fixture(params=SIZES)
def messages(request):
    return make_messages(SIZES[request.param])


@pytest.fixture(params=[False, True], ids=["alone", "takeover"])
def takeover(request, messages, benchmark):
    context = "with" if request.param else "without"
    benchmark.group = f"{COUNT} messages of {len(messages[0])} bytes, {context} takeover"
    return request.param


@pytest.fixture(scope="module")
def zlib_limit(tmp_path_factory):
    library = tmp_path_factory.mktemp("limit") / "zlib_limit.so"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    if shutil.which(compiler[0]) is None:
        pytest.skip("there is no compiler")
    source = Path(__file__).with_name("zlib_limit.c")
    command = [*compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-lz"]
    if subprocess.run(command).returncode:
        pytest.skip("zlib or its header isn't there")
    return ctypes.CDLL(str(library)).there_and_back


def test_zlib(benchmark, messages, takeover, zlib_limit):
    addresses = (ctypes.c_char_p * COUNT)(*messages)
    settings = [LEVEL, KEPT_WINDOW_BITS, 5] if takeover else [LEVEL, 15, 8]
    assert benchmark(zlib_limit, addresses, COUNT, len(messages[0]), *settings, takeover) == 0


@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_kernel(benchmark, messages, takeover, backend):
    try:
        kernel = _core.load(backend).deflate
    except ImportError:
        pytest.skip("the compiled backend isn't built")

    bits = KEPT_WINDOW_BITS if takeover else 15

    def there_and_back():
        deflater, inflater = kernel.Deflater(bits, takeover, LEVEL), kernel.Inflater(15, takeover)
        for message in messages:
            inflater.decompress(deflater.compress(message), 2**20)

    benchmark(there_and_back)


def run_other_library(benchmark, messages, takeover, library):
    backend = Backend(pytest.importorskip(library))
    bits = KEPT_WINDOW_BITS if takeover else 15

    def there_and_back():
        deflater, inflater = backend.deflater(bits, takeover, LEVEL), backend.inflater(15, takeover)
        for message in messages:
            inflater.decompress(deflater.compress(message), 2**20)
        return deflater

    deflater = benchmark(there_and_back)
    benchmark.extra_info["ratio"] = deflater.compressed_size / deflater.size


def test_zlib_ng(benchmark, messages, takeover):
    run_other_library(benchmark, messages, takeover, "zlib_ng.zlib_ng")


def test_isal(benchmark, messages, takeover):
    run_other_library(benchmark, messages, takeover, "isal.isal_zlib")


@pytest.mark.parametrize("compression", [True, False], ids=["compressed", "plain"])
def test_connection(benchmark, messages, takeover, compression):
    def endpoint(is_client):
        chain = None
        if compression:
            chain = ExtensionChain([PerMessageDeflate(not takeover, not takeover, 15, 15)])
        return _core.Endpoint(is_client, 2**20, extensions=chain)

    def there_and_back():
        client, server = endpoint(True), endpoint(False)
        for message in messages:
            client.send_message(message, 0.0)
            server.receive(client.collect()[0])
            server.take()

    benchmark(there_and_back)
