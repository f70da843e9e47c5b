"""
What the load generator sends and expects, byte for byte.

Owns frames, masks and compression on the generator's side, so that its C code needs none of them.
Frames are prepared once and sent again and again: a client that draws a fresh mask for each one
would be slower, and measure itself.
"""

from __future__ import annotations

import base64
import hashlib
import random
import struct
import zlib
from pathlib import Path

TEXT, BINARY = 1, 2
MASK = b"\x37\xfa\x21\x3d"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # what RFC 6455 says belongs to that key

EXTENSIONS = {
    "off": None,
    "no takeover": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "takeover": "permessage-deflate",
}
COMPRESSED_ROUND = 2**17  # bytes of different messages; more than a window, so none is found again


def header(first: int, length: int, mask_bit: int = 0) -> bytes:
    """Make the header of a frame, without a mask."""
    if length < 126:
        return struct.pack("!BB", first, mask_bit | length)
    if length < 65536:
        return struct.pack("!BBH", first, mask_bit | 126, length)
    return struct.pack("!BBQ", first, mask_bit | 127, length)


def masked(payload: bytes) -> bytes:
    """Return the mask and the payload under it."""
    size = len(payload)
    key = (MASK * (size // 4 + 1))[:size]
    covered = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return MASK + covered.to_bytes(size, "big")


def text(size: int) -> bytes:
    """Return ASCII letters, as most of the text that is sent in frames is ASCII."""
    return (b"The quick brown fox jumps over the lazy dog. " * (size // 45 + 1))[:size]


def binary(size: int) -> bytes:
    """Return bytes that look random, and are the same each time."""
    return random.Random(size).getrandbits(size * 8).to_bytes(size, "big") if size else b""


def payload(opcode: int, size: int) -> bytes:
    """Return a payload of one kind."""
    return text(size) if opcode == TEXT else binary(size)


def records(size: int) -> list[bytes]:
    """Return messages of one size that compress as JSON does, each of them different."""
    draw = random.Random(size)
    entry = '{{"id": {}, "user": "{:08x}", "price": {}.{:02}, "open": true}}, '
    messages = []
    for _ in range(COMPRESSED_ROUND // size):
        parts: list[str] = []
        while sum(map(len, parts)) < size:
            bits, number = draw.getrandbits(32), draw.randrange(10**6)
            parts.append(entry.format(number, bits, bits % 1000, number % 100))
        messages.append("".join(parts)[:size].encode())
    return messages


def compressed(messages: list[bytes], takeover: bool) -> list[bytes]:
    """Return the payloads of compressed messages (RFC 7692 7.2.1)."""
    deflate = zlib.compressobj(wbits=-15)
    payloads = []
    for message in messages:
        if not takeover:
            deflate = zlib.compressobj(wbits=-15)
        data = deflate.compress(message) + deflate.flush(zlib.Z_SYNC_FLUSH)
        payloads.append(data[:-4])
    return payloads


def request(port: int, compression: str) -> bytes:
    """Make the request of the opening handshake."""
    extensions = EXTENSIONS[compression]
    lines = [
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    ]
    if extensions is not None:
        lines.append(f"Sec-WebSocket-Extensions: {extensions}")
    return "\r\n".join([*lines, "", ""]).encode()


def response(asked: bytes) -> bytes:
    """Make the response to a client's request."""
    fields = [line.partition(b":") for line in asked.split(b"\r\n")]
    (key,) = (value.strip() for name, _, value in fields if name.lower() == b"sec-websocket-key")
    lines = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key + GUID).digest()),
    ]
    return b"\r\n".join([*lines, b"", b""])


def messages(opcode: int, size: int, compression: str) -> list[bytes]:
    """Return the messages that are sent in turn: one, or many if they are compressed."""
    return [payload(opcode, size)] if compression == "off" else records(size)


def exchanges(opcode: int, size: int, compression: str) -> list[tuple[bytes, bytes]]:
    """Return pairs of what is sent and what comes back, as far as that is known before."""
    contents = messages(opcode, size, compression)
    if compression == "off":
        first = 0x80 | opcode
        echoes = [header(first, size) + content for content in contents]
    else:
        first = 0xC0 | opcode
        contents = compressed(contents, takeover=compression == "takeover")
        echoes = [bytes([first])] * len(contents)
    sent = [header(first, len(content), 0x80) + masked(content) for content in contents]
    return list(zip(sent, echoes))


def write(path: Path, opening: bytes, pairs: list[tuple[bytes, bytes]]) -> None:
    """Write a plan in the form that native/plan.c reads."""
    with path.open("wb") as file:
        file.write(struct.pack("=II", len(opening), len(pairs)))
        for sent, echo in pairs:
            file.write(struct.pack("=II", len(sent), len(echo)))
        file.write(opening)
        file.writelines(sent for sent, _ in pairs)
        file.writelines(echo for _, echo in pairs)


def check_sample(sample: bytes, compression: str, message: bytes | None) -> str:
    """
    Check the first response and the first echo; return the extensions that were agreed on.

    Raises:
        ValueError: if the server didn't do what the scenario is about.
    """
    head, _, echo = sample.partition(b"\r\n\r\n")
    fields = [line.partition(": ")[::2] for line in head.decode().split("\r\n")[1:]]
    values = {name.lower(): value for name, value in fields}
    if values.get("sec-websocket-accept") != ACCEPT:
        raise ValueError("the handshake's answer isn't right")
    agreed = values.get("sec-websocket-extensions", "")
    wanted = {"off": "", "no takeover": "server_no_context_takeover", "takeover": "deflate"}
    refused = compression == "takeover" and "server_no_context" in agreed
    if (agreed != "" if compression == "off" else wanted[compression] not in agreed) or refused:
        raise ValueError(f"compression is {compression}, the server agreed on {agreed!r}")
    if compression != "off" and message is not None:
        start = {126: 4, 127: 10}.get(echo[1], 2)
        if zlib.decompressobj(wbits=-15).decompress(echo[start:] + b"\0\0\xff\xff") != message:
            raise ValueError("an echo's content is wrong")
    return agreed
