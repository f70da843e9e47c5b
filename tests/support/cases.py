"""
What comes of an input in today's API, whatever drives it: on asyncio, on trio and in threads.

Owns tables of cases. How a test gets from the one to the other is its own affair.
"""

from peer import BINARY, CLOSE, PING, TEXT, close_payload

CONT = 0

# What is sent, arguments of send(), and the frame that it comes to: opcode and payload.
MESSAGES = [
    ("é", {}, TEXT, "é".encode()),
    ("", {}, TEXT, b""),
    (b"\xff", {}, BINARY, b"\xff"),
    (bytearray(b"a"), {}, BINARY, b"a"),
    (memoryview(b"abcd")[::2], {}, BINARY, b"ac"),
    ("é", {"text": False}, BINARY, "é".encode()),
    ("é", {"text": True}, TEXT, "é".encode()),
    (b"a", {"text": True}, TEXT, b"a"),
    (bytearray(b"a"), {"text": True}, TEXT, b"a"),
    (b"a", {"text": False}, BINARY, b"a"),
]

# Fragments that aren't, and what the TypeError says.
WRONG_ITEMS = {
    "another kind": (["a", b"b"], "iterable must contain uniform types"),
    "no kind at first": ([1], "iterable must contain bytes or str"),
    "no kind later": (["a", 1], "iterable must contain uniform types"),
    "nested": ([["a"]], "iterable must contain bytes or str"),
}

# Codes that aren't for close frames (RFC 6455 7.4).
UNSENDABLE_CODES = [999, 1004, 1005, 1006, 1015, 2000, 2999, 5000]

# Arguments of a peer's frame, where max_size is 10; code and reason of the close frame.
VIOLATIONS = {
    "opcode": ((3, b""), {}, 1002, "invalid opcode"),
    "reserved bits": ((TEXT, b""), {"rsv": 4}, 1002, "reserved bits must be 0"),
    "long ping": ((PING, bytes(126)), {}, 1002, "control frame too long"),
    "fragmented ping": ((PING, b""), {"fin": False}, 1002, "fragmented control frame"),
    "continuation": ((CONT, b""), {}, 1002, "unexpected continuation frame"),
    "short close": ((CLOSE, b"\x03"), {}, 1002, "close frame too short"),
    "close code": ((CLOSE, close_payload(1005)), {}, 1002, "invalid status code"),
    "close reason": ((CLOSE, b"\x03\xe8\xff"), {}, 1007, "invalid start byte at position 0"),
    "size": ((BINARY, bytes(11)), {}, 1009, "frame with 11 bytes exceeds limit of 10 bytes"),
}

# max_size, the sizes of a message's frames, and what is too much of them.
SIZES = [
    ((10, None), [11], "frame with 11 bytes exceeds limit of 10 bytes"),
    (10, [6, 5], "frame with 5 bytes after reading 6 bytes exceeds limit of 10 bytes"),
    ((10, 5), [6], "frame with 6 bytes exceeds limit of 5 bytes"),
    ((10, 5), [5, 4, 4], "frame with 4 bytes after reading 9 bytes exceeds limit of 10 bytes"),
    ((None, 5), [6], "frame with 6 bytes exceeds limit of 5 bytes"),
]
