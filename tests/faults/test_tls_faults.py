"""
TLS records that are lost, repeated, exchanged, changed or invented, at any place of a conversation.

Whatever reaches the program has been said by the peer, and the end is never taken for a clean one.
"""

import pytest
from dialogue import MESSAGES
from virtual_dialogue import converse, no_connection_left, virtually

ALERT = bytes.fromhex("15 03 03 00 02 02 28")  # in plain text: fatal, handshake_failure
CLOSE_NOTIFY = bytes.fromhex("15 03 03 00 02 01 00")


class Records:
    """Passes on one direction's bytes, and does something to one TLS record (RFC 8446 5.1)."""

    def __init__(self, number=None, change=None):
        self.number = number
        self.change = change
        self.count = 0
        self._bytes = bytearray()
        self._held = b""

    def __call__(self, data):
        self._bytes += data
        passed = b""
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
            passed += record
        return passed


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
def test_a_record_that_is_changed(change, direction, certificates, caplog):
    tls = certificates.server_context(), certificates.client_context()

    def had_with(records):
        def disturb(up, down):
            {"up": up, "down": down}[direction].changed = records

        # Both kinds of protocols take turns.
        return virtually(converse, disturb, tls, buffered=bool((records.number or 0) % 2))

    clean = Records()
    assert had_with(clean).received == MESSAGES
    assert clean.count > 10
    with no_connection_left():
        for number in range(clean.count):
            had = had_with(Records(number, CHANGES[change]))
            code, received = had.code, had.received
            assert received == MESSAGES[: len(received)]
            assert code == 1006 or (code is None and not received) or received == MESSAGES
            received = had.server_received or []
            assert received == MESSAGES[: len(received)]
            assert had.server_code != 1000 or received == MESSAGES
    assert not caplog.records
