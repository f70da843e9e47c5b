"""
Masking keys (RFC 6455 5.3): unpredictable, and never the same twice.
"""

import subprocess
import sys
import threading

import pytest

ENOUGH = 3000  # more keys than one block of random bytes has


def test_a_key_has_32_bits(core):
    key = core.keys.masking_key()
    assert type(key) is int
    assert 0 <= key < 2**32


def test_keys_do_not_repeat(core):
    keys = {core.keys.masking_key() for _ in range(ENOUGH)}
    # Among 3000 of 2**32 keys, one pair in 1000 runs is equal by chance; two pairs never are.
    assert len(keys) >= ENOUGH - 1


def test_every_bit_of_a_key_is_random(core):
    keys = [core.keys.masking_key() for _ in range(ENOUGH)]
    for bit in range(32):
        ones = sum(key >> bit & 1 for key in keys)
        # Seven standard deviations: less than one run in a hundred billion fails by chance.
        assert abs(ones - ENOUGH / 2) < 7 * (ENOUGH / 4) ** 0.5


def test_threads_do_not_share_keys(core):
    found = []

    def draw():
        found.append([core.keys.masking_key() for _ in range(ENOUGH)])

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [key for keys in found for key in keys]
    assert len(keys) == 4 * ENOUGH
    assert len(set(keys)) >= len(keys) - 2


FORK = """
import os, sys
from websockets import _core
core = _core.load(sys.argv[1])
core.keys.masking_key()  # a block has been drawn
readable, writable = os.pipe()
child = os.fork()
keys = b"".join(core.keys.masking_key().to_bytes(4, "big") for _ in range(100))
if child == 0:
    os.write(writable, keys)
    os._exit(0)
os.waitpid(child, 0)
others = os.read(readable, 1000)
cut = lambda data: {data[i : i + 4] for i in range(0, 400, 4)}
print(len(others), len(cut(keys) & cut(others)) < 2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_its_own_keys(core):
    # In a process of its own, because this one may have threads.
    run = subprocess.run(
        [sys.executable, "-c", FORK, core.backend], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["400", "True"]
