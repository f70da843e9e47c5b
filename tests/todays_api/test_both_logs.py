"""
Logs on asyncio and on trio: frames, steps of a connection's life, and its logger.
"""

import logging
import re

import pytest
from both import both_ends, both_sides, close, is_client, started
from peer import CLOSE, PING, TEXT, close_payload
from todays import Records

pytestmark = pytest.mark.and_trio


def told(records, *marks):
    return [line for line in records.lines if line[6:7] in marks or line.startswith("INFO")]


@both_sides
async def test_frames_and_steps(connection):
    records = Records("DEBUG")
    async with connection(logger=records.logger) as (ws, peer):
        assert ws.debug
        opened = len(records.lines)
        await peer.send(TEXT, b"hello")
        assert await ws.recv() == "hello"
        await ws.send(b"\x00\xff")
        await peer.send(PING, b"x")
        for _ in range(2):
            await peer.read()
        closing = started(close(ws))
        await peer.read()
        await peer.send(CLOSE, close_payload(1000))
        await peer.close()
        await closing
    lines = [line for line in records.lines[opened:] if line[6:7] in "<>=x"]
    # The end of the stream comes last from a client.
    steps = [line for line in lines if not line.startswith("DEBUG x") and "EOF" not in line]
    assert steps == [
        "DEBUG < TEXT 'hello' [5 bytes]",
        "DEBUG > BINARY 00 ff [2 bytes]",
        "DEBUG < PING 'x' [text, 1 byte]",
        "DEBUG > PONG 'x' [text, 1 byte]",
        "DEBUG > CLOSE 1000 (OK) [2 bytes]",
        "DEBUG = connection is CLOSING",
        "DEBUG < CLOSE 1000 (OK) [2 bytes]",
        "DEBUG = connection is CLOSED",
    ]
    assert "DEBUG < EOF" in lines
    if is_client(connection):
        assert "DEBUG x closing TCP connection" in lines
    else:
        ended = lines.index("DEBUG > EOF")
        assert lines[ended + 1] == "DEBUG x half-closing TCP connection"


async def test_the_opening_handshake():
    records = Records("DEBUG")
    async with both_ends({"logger": records.logger}, logger=records.logger):
        pass
    lines = [re.sub(r"(: ).*", r"\1...", line) for line in records.lines]
    for mark in "<>":
        assert f"DEBUG {mark} GET / HTTP/1.1" in lines
        assert f"DEBUG {mark} HTTP/1.1 101 Switching Protocols" in lines
        for name in ("Host", "Sec-WebSocket-Key", "Sec-WebSocket-Accept", "Upgrade"):
            assert f"DEBUG {mark} {name}: ..." in lines
    assert lines.count("DEBUG = connection is CONNECTING") == 2
    assert lines.count("DEBUG = connection is OPEN") == 2


@both_sides
async def test_the_logger_of_a_connection(connection):
    async with connection() as (ws, peer):
        name = "client" if is_client(connection) else "server"
        assert ws.logger.logger is logging.getLogger(f"websockets.{name}")
        assert ws.logger.extra["websocket"].id == ws.id
