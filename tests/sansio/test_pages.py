"""
Large messages that come and go don't take new pages from the system each time, which cost a fault
each: where this isn't so, a message of 200 KB takes several times as long.
"""

import os
import platform
import subprocess
import sys

import pytest

from websockets import _core

pytestmark = pytest.mark.skipif(
    _core.backend != "compiled"
    or platform.libc_ver()[0] != "glibc"
    or any(name == "LD_PRELOAD" or name.startswith("MALLOC_") for name in os.environ),
    reason="what memory is like, glibc is told by compiled modules",
)

PROGRAM = """
import os, resource, sys, zlib
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol

size, way = int(sys.argv[1]), sys.argv[2]
client = Protocol(CLIENT, state=OPEN, max_size=None)
extension = PerMessageDeflate(True, True, 15, 15)
if way == "decompressed":
    client.extensions = [extension]
random = os.urandom(size)
repeated = random[:10] * (size // 10)

def sent(payload):
    client.send_binary(payload)
    return client.data_to_send()

def received(wire):
    for start in range(0, len(wire), 65536):
        client.receive_data(wire[start : start + 65536])
    return client.events_received()

def compressed(payload):
    return extension.encode(Frame(Opcode.BINARY, payload))

def frame(byte, payload):
    width = 8 if len(payload) >= 65536 else 2
    return bytes([byte, 127 if width == 8 else 126]) + len(payload).to_bytes(width, "big") + payload

def deflated(payload):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)[:-4]

function, argument = {
    "sent": (sent, random),
    "received": (received, frame(0x82, random)),
    "compressed": (compressed, random),
    "decompressed": (received, frame(0xC2, deflated(repeated))),
}[way]

def exchange():
    results = [function(argument) for _ in range(3)]
    if function is received:
        assert [len(message.data) for (message,) in results] == [size] * 3

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(5):
    exchange()
before = faults()
for _ in range(20):
    exchange()
print((faults() - before) / 60)
"""


@pytest.mark.parametrize("size", [100_000, 200_000, 1_000_000, 3_000_000])
@pytest.mark.parametrize("way", ["sent", "received", "compressed", "decompressed"])
def test_pages_are_kept_from_one_message_to_the_next(size, way):
    command = [sys.executable, "-c", PROGRAM, str(size), way]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert float(found.stdout) < 2
