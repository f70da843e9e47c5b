"""
32 frames that arrive in one read, from there to messages in the inbox. Times are for all 32.
"""

import pytest

from websockets import _core

KEY = 0x37FA213D
FRAMES = 32
PAYLOADS = {
    "32 B text": (1, b"0123456789abcdef" * 2),
    "32 B text, not ASCII": (1, "αβγδεζηθικλμνξοπ".encode()),
    "32 B binary": (2, bytes(range(32))),
    "1 KiB binary": (2, bytes(1024)),
}


def load(backend):
    try:
        return _core.load(backend)
    except ImportError:
        pytest.skip("the compiled backend isn't built")


@pytest.mark.parametrize("backend", ["compiled", "pure"])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize("payload", PAYLOADS)
def test_receive(benchmark, payload, side, backend):
    core = load(backend)
    opcode, data = PAYLOADS[payload]
    benchmark.group = f"receive {FRAMES} frames of {payload}, {side}"
    benchmark.extra_info["frames"] = FRAMES
    wire = core.pack.pack_frame(0x80 | opcode, data, KEY if side == "server" else -1) * FRAMES

    def fresh():
        return (core.endpoint.Endpoint(side == "client"), wire), {}

    def receive(connection, data):
        connection.receive(data)

    benchmark.pedantic(receive, setup=fresh, rounds=3000, warmup_rounds=50)
