"""
TLS records that are lost, repeated, exchanged, changed or invented, at any place of a conversation.

Whatever reaches the program has been said by the peer, and the end is never taken for a clean one.
"""

import pytest
from dialogue import MESSAGES, at_every, conversing
from proxy import Way

# A record that is lost is noticed with the next one; where none comes it is for the deadlines.
IMPATIENT = {
    "ping_interval": 0.1,
    "ping_timeout": 0.1,
    "open_timeout": 0.5,
    "close_timeout": 0.05,
}

ALERT = bytes.fromhex("15 03 03 00 02 02 28")  # in plain text: fatal, handshake_failure
CLOSE_NOTIFY = bytes.fromhex("15 03 03 00 02 01 00")


class Records(Way):
    """A way on which something is done to one TLS record (RFC 8446 5.1)."""

    def __init__(self, number=None, change=None):
        super().__init__()
        self.number = number
        self.change = change
        self.count = 0
        self._bytes = bytearray()
        self._held = b""

    def data_received(self, data):
        self._bytes += data
        while len(self._bytes) >= 5:
            size = 5 + int.from_bytes(self._bytes[3:5], "big")
            if len(self._bytes) < size:
                break
            record = bytes(self._bytes[:size])
            del self._bytes[:size]
            if self.count == self.number:
                record, self._held = self.change(record)
            elif self._held:
                record, self._held = record + self._held, b""
            self.count += 1
            self.pass_on(record)


CHANGES = {
    "lost": lambda record: (b"", b""),
    "repeated": lambda record: (record * 2, b""),
    "behind the next one": lambda record: (b"", record),
    "one bit": lambda record: (record[:-1] + bytes([record[-1] ^ 1]), b""),
    "alert": lambda record: (ALERT + record, b""),
    "close_notify in plain text": lambda record: (CLOSE_NOTIFY + record, b""),
    "garbage": lambda record: (b"garbage" + record, b""),
    "not TLS": lambda record: (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    "too long": lambda record: (record[:3] + b"\xff\xff" + bytes(70_000), b""),
}


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("change", CHANGES)
async def test_a_record_that_is_changed(change, direction, certificates, caplog):
    async with conversing(certificates, **IMPATIENT) as talk:
        clean = {"up": Records(), "down": Records()}
        assert await talk.have("/client/full", **clean) == (1000, MESSAGES)
        count = clean[direction].count
        assert count > 10

        async def check(number):
            path = f"/client/{number:04}"
            way = Records(number, CHANGES[change])
            code, received = await talk.have(path, **{direction: way})
            await talk.settled()
            assert received == MESSAGES[: len(received)]
            assert code in (1006, 1011) or (code is None and not received) or received == MESSAGES
            server_code, received = talk.echo.codes.get(path), talk.echo.received.get(path, [])
            assert received == MESSAGES[: len(received)]
            assert server_code != 1000 or received == MESSAGES

        await at_every(range(count), check)
    assert not caplog.records
