"""
Frames as RFC 6455 5.2 draws them: built from bits and by a naive builder, and taken apart again.

Nothing here uses the library, so that both may not be wrong in the same way.
"""

from itertools import cycle
from operator import xor
from typing import NamedTuple

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

KEY = bytes.fromhex("37fa213d")  # the masking key of the examples in RFC 6455 5.7


def bits(drawing):
    """
    Turn a drawing into bytes: the 0s and 1s that begin each line; the rest of a line is a remark.
    """
    digits = ""
    for line in drawing.splitlines():
        for word in line.split():
            if word.strip("01"):
                break
            digits += word
    assert len(digits) % 8 == 0, f"{len(digits)} bits aren't whole bytes"
    return bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))


def mask(payload, key):
    return bytes(map(xor, payload, cycle(key))) if key else bytes(payload)


def length_form(length):
    """Return the shortest form of a length: 0 for 7 bits, else its number of bytes."""
    return 0 if length < 126 else 2 if length < 65536 else 8


def number_of(key):
    """Return a masking key as the core has it: a number, its first byte on top, -1 for none."""
    return int.from_bytes(key, "big") if key else -1


def header(opcode, length, *, fin=True, rsv=0, key=b"", form=None):
    """Build a header; ``rsv`` is a number of 3 bits, ``form`` a number of bytes."""
    form = length_form(length) if form is None else form
    mask_bit = 0x80 if key else 0
    start = bytes([fin << 7 | rsv << 4 | opcode, mask_bit | {0: length, 2: 126, 8: 127}[form]])
    return start + (length.to_bytes(form, "big") if form else b"") + key


def frame(opcode, payload=b"", *, fin=True, rsv=0, key=b"", form=None):
    """Build a frame."""
    start = header(opcode, len(payload), fin=fin, rsv=rsv, key=key, form=form)
    return start + mask(payload, key)


def close(code=None, reason="", key=b""):
    """Build a close frame."""
    body = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
    return frame(CLOSE, body, key=key)


class Drawn(NamedTuple):
    """A frame taken apart."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0
    key: bytes = b""


def frames(data):
    """Take the frames in bytes apart; what they say is believed."""
    found = []
    while data:
        byte0, byte1 = data[0], data[1]
        form = {126: 2, 127: 8}.get(byte1 & 127, 0)
        length = int.from_bytes(data[2 : 2 + form], "big") if form else byte1 & 127
        data = data[2 + form :]
        key, data = (data[:4], data[4:]) if byte1 & 128 else (b"", data)
        assert len(data) >= length, "the last frame is incomplete"
        payload, data = mask(data[:length], key), data[length:]
        found.append(Drawn(byte0 & 15, payload, byte0 >= 128, byte0 >> 4 & 7, key))
    return found


class Example(NamedTuple):
    """A frame in bytes and what it says."""

    wire: bytes
    opcode: int
    payload: bytes
    fin: bool = True
    key: bytes = b""


# RFC 6455 5.7
EXAMPLES = {
    "unmasked text": Example(
        bits(
            """
            1 000 0001       FIN, no reserved bit, text
            0 0000101        not masked, 5 bytes
            01001000 H
            01100101 e
            01101100 l
            01101100 l
            01101111 o
            """
        ),
        TEXT,
        b"Hello",
    ),
    "masked text": Example(
        bits(
            """
            1 000 0001       FIN, no reserved bit, text
            1 0000101        masked, 5 bytes
            00110111 11111010 00100001 00111101  masking key
            01111111 H
            10011111 e
            01001101 l
            01010001 l
            01011000 o
            """
        ),
        TEXT,
        b"Hello",
        key=KEY,
    ),
    "first fragment": Example(
        bits(
            """
            0 000 0001       not FIN, text
            0 0000011        3 bytes
            01001000 H
            01100101 e
            01101100 l
            """
        ),
        TEXT,
        b"Hel",
        fin=False,
    ),
    "last fragment": Example(
        bits(
            """
            1 000 0000       FIN, continuation
            0 0000010        2 bytes
            01101100 l
            01101111 o
            """
        ),
        CONT,
        b"lo",
    ),
    "ping": Example(bytes.fromhex("89 05 48 65 6c 6c 6f"), PING, b"Hello"),
    "masked pong": Example(
        bytes.fromhex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"), PONG, b"Hello", key=KEY
    ),
    "256 bytes": Example(
        bits(
            """
            1 000 0010       FIN, binary
            0 1111110        length in the next 16 bits
            00000001 00000000
            """
        )
        + bytes(range(256)),
        BINARY,
        bytes(range(256)),
    ),
    "64 KiB": Example(
        bits(
            """
            1 000 0010       FIN, binary
            0 1111111        length in the next 64 bits
            00000000 00000000 00000000 00000000 00000000 00000001 00000000 00000000
            """
        )
        + bytes(range(256)) * 256,
        BINARY,
        bytes(range(256)) * 256,
    ),
}
