"""
Peers and networks that repeat, exchange, drop and change what they send: frames, and mere bytes.

What must come of frames in any order is told by an oracle of a few lines; bytes in disorder may
mean anything, but never that somebody waits for ever.
"""

import asyncio
import codecs
import itertools

import pytest
from peer import BINARY, CLOSE, PING, PONG, TEXT, both_sides, close_payload, frame
from proxy import ended
from virtual_dialogue import converse, no_connection_left, virtually

CONT = 0

# The fragments end within characters, so that their order counts.
FRAMES = [
    (TEXT, b"first", True),
    (TEXT, b"caf\xc3", False),
    (CONT, b"\xa9 \xe2", False),
    (PING, b"ping", True),
    (CONT, b"\x82", False),
    (CONT, b"\xac", True),
    (BINARY, b"\xff", True),
    (PONG, b"pong", True),
    (CLOSE, close_payload(1000), True),
]


def verdict(frames):
    """Return the messages that frames make, and the close code that answers them (RFC 6455)."""
    messages, kind = [], None
    for opcode, payload, fin in frames:
        if opcode == CLOSE:
            return messages, int.from_bytes(payload, "big")
        if opcode in (PING, PONG):
            continue
        if (opcode == CONT) != (kind is not None):
            return messages, 1002
        if opcode != CONT:
            kind, message = opcode, []
            decode = codecs.getincrementaldecoder("utf-8")().decode if opcode == TEXT else None
        try:
            message.append(decode(payload, fin) if decode else payload)
        except UnicodeDecodeError:
            return messages, 1007
        if fin:
            messages.append((b"" if kind == BINARY else "").join(message))
            kind = None
    return messages, 1006


def disorders():
    yield FRAMES
    for i, one in enumerate(FRAMES):
        yield FRAMES[:i] + FRAMES[i + 1 :]
        for j in range(i, len(FRAMES)):
            yield FRAMES[: j + 1] + [one] + FRAMES[j + 1 :]
    for i, j in itertools.combinations(range(len(FRAMES)), 2):
        exchanged = FRAMES.copy()
        exchanged[i], exchanged[j] = exchanged[j], exchanged[i]
        yield exchanged


async def receive(ws, received):
    while True:
        received.append(await ws.recv())


@both_sides
@pytest.mark.parametrize("at_once", [True, False], ids=["in one write", "in one write each"])
async def test_frames_in_disorder(connection, at_once, caplog):
    seen = set()
    for frames in disorders():
        messages, code = verdict(frames)
        seen.add(code)
        async with connection(ping_interval=None) as (ws, peer):
            wires = [
                frame(opcode, payload, fin=fin, masked=peer.masked)
                for opcode, payload, fin in frames
            ]
            for wire in [b"".join(wires)] if at_once else wires:
                if not ws.closed:
                    peer.write(wire)
                    await asyncio.sleep(0)
            received = []
            receiving = asyncio.ensure_future(ended(receive(ws, received)))
            told = code
            if code in (1002, 1007):
                assert (await peer.read_close())[0] == code, frames
                told = 1006  # RFC 6455 7.1.5: no close frame was received.
            await peer.close()
            assert (await receiving)[1] == told
            assert (received, ws.close_code) == (messages, told), frames
    assert seen == {1000, 1002, 1006, 1007}
    # asyncio itself may warn of a peer that goes on writing.
    assert not [record for record in caplog.records if record.name != "asyncio"]


CHUNK = 5  # bytes that are in disorder

DISORDERS = {
    "dropped": lambda one, next_one: next_one,
    "repeated": lambda one, next_one: one + one + next_one,
    "exchanged": lambda one, next_one: next_one + one,
    "one bit": lambda one, next_one: bytes([one[0] ^ 1 << sum(one) % 8]) + one[1:] + next_one,
    "zeros": lambda one, next_one: bytes(len(one)) + next_one,
}


class Disorder:
    """Passes on one direction's bytes, which get into disorder at one place."""

    def __init__(self, position, change):
        self.position = position  # None when that has happened
        self.change = change
        self._held = b""

    def __call__(self, data):
        if self.position is None:
            return data
        self._held += data
        if len(self._held) < self.position + 2 * CHUNK:
            # What is held for ever is what never arrives.
            passed, self._held = self._held[: self.position], self._held[self.position :]
            self.position -= len(passed)
            return passed
        before, rest = self._held[: self.position], self._held[self.position :]
        self.position = None
        return before + self.change(rest[:CHUNK], rest[CHUNK : 2 * CHUNK]) + rest[2 * CHUNK :]


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("disorder", DISORDERS)
def test_bytes_in_disorder(disorder, direction, caplog):
    with no_connection_left():
        for position in range(0, 420, 7):

            def disturb(up, down):
                way = Disorder(position, DISORDERS[disorder])  # noqa: B023
                {"up": up, "down": down}[direction].changed = way

            # Both kinds of protocols take turns.
            virtually(converse, disturb, buffered=bool(position % 2))
    assert not caplog.records
