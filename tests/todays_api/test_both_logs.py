"""
Logs on asyncio and on trio: frames, steps of a connection's life, and its logger.
"""

import logging
import re

import pytest
from both import (
    both_ends,
    both_sides,
    client_and_peer,
    close,
    connect,
    follow,
    is_client,
    server_and_peer,
    serving,
    started,
    uri_of,
)
from peer import CLOSE, PING, TEXT, close_payload
from todays import Records, hold

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


async def test_a_refusal_and_its_body():
    records = Records("DEBUG")

    def process_request(connection, request):
        return connection.respond(404, "nothing\n")

    async with serving(hold, logger=records.logger, process_request=process_request) as server:
        with pytest.raises(Exception, match="404"):
            await follow(connect(uri_of(server), logger=records.logger))
    for mark in "<>":
        assert f"DEBUG {mark} [body] (8 bytes)" in records.lines
    assert "INFO HTTP response sent (404 Not Found)" in records.lines


async def test_above_debug_clients_are_silent():
    records = Records()
    async with client_and_peer(logger=records.logger) as (ws, peer):
        assert not ws.debug
        await peer.send(TEXT, b"\xff")
        await peer.close()
        await ws.wait_closed()
    assert records.lines == []


async def test_records_know_their_connection():
    records = Records()
    async with server_and_peer(logger=records.logger) as (ws, peer):
        pass
    opened, *_ = [record for record in records.records if record.getMessage() == "connection open"]
    assert opened.websocket.id == ws.id == ws.protocol.id
    assert opened.websocket.request.path == "/chat?room=1"
    assert opened.websocket.remote_address == ws.remote_address


async def test_an_adapter_of_the_program():
    records = Records()
    seen = []

    class Adapter(logging.LoggerAdapter):
        def process(self, message, kwargs):
            websocket = kwargs.get("extra", {}).get("websocket")
            seen.append((message, websocket and websocket.request.path))
            return message, kwargs

    logger = Adapter(records.logger, {})
    async with server_and_peer(logger=logger) as (ws, peer):
        await peer.close()
        await ws.wait_closed()
    assert ("connection open", "/chat?room=1") in seen
    assert ("connection closed", "/chat?room=1") in seen
    assert ("server closing", None) in seen
    assert ws.logger.logger is logger
