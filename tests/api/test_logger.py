"""
Which logger is told what.
"""

import asyncio
import contextlib
import gc
import logging
import re
import weakref

import pytest
from peer import CLOSE, PING, TEXT, both_sides, close_payload, echo, hold, port_of, tcp_to, uri_of
from todays import Records

import websockets


@both_sides
async def test_logger(connection, caplog):
    logger = logging.getLogger("mine")
    async with connection(logger=logger) as (ws, peer):
        assert ws.logger is logger


async def test_a_handler_that_fails_is_logged_where_one_wants(caplog):
    async def handler(ws):
        raise ZeroDivisionError("on purpose")

    async with websockets.serve(
        handler, "127.0.0.1", 0, logger=logging.getLogger("mine")
    ) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.recv()
    assert [record.name for record in caplog.records if record.exc_info] == ["mine"]


def test_default_loggers():
    names = {
        websockets.WebSocketCommonProtocol: "websockets.protocol",
        websockets.WebSocketServerProtocol: "websockets.server",
        websockets.WebSocketClientProtocol: "websockets.client",
    }
    for cls, name in names.items():
        arguments = (hold, None) if cls is websockets.WebSocketServerProtocol else ()
        assert cls(*arguments).logger.name == name


@contextlib.asynccontextmanager
async def logged(level, handler=echo, **options):
    """A server, its address, and what it and its clients log."""
    served, asked = Records(level), Records(level)
    async with websockets.serve(handler, "127.0.0.1", 0, logger=served.logger, **options) as server:

        def connect(path="/", **options):
            return websockets.connect(uri_of(server) + path, logger=asked.logger, **options)

        yield server, connect, served, asked


async def test_servers_tell_of_opening_and_end_and_clients_are_silent():
    async with logged("INFO") as (server, connect, served, asked):
        async with connect() as ws:
            assert served.lines == ["INFO connection open"]
            await ws.close(4000, "enough\x1b\n")
    both = "received 4000 (private use) 'enough\\x1b\\n'; then sent 4000"
    opened, closed = served.lines
    assert closed.startswith(f"INFO connection closed: {both}")
    assert closed.isprintable()
    assert asked.lines == []


async def test_the_server_closes():
    async def close(ws):
        await ws.close(1001, "tired")

    async with logged("INFO", close) as (server, connect, served, asked):
        async with connect() as ws:
            await ws.wait_closed()
    assert served.lines[-1].startswith(
        "INFO connection closed: sent 1001 (going away) tired; then "
    )


async def test_a_violation_of_the_protocol_is_told_with_the_end():
    async with logged("INFO") as (server, connect, served, asked):
        async with connect() as ws:
            ws.transport.write(b"\x81\x00")  # it isn't masked
            await ws.wait_closed()
    assert "sent 1002 (protocol error) incorrect masking" in served.lines[-1]


async def test_an_end_without_a_close_frame():
    async with logged("INFO") as (server, connect, served, asked):
        ws = await connect()
        ws.transport.abort()
        await ws.wait_closed()
    assert served.lines[-1].startswith("INFO connection closed: no close frame received or sent")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"origin": "https://b"}, "rejected (403 Forbidden): invalid Origin header: https://b"),
        ({}, "rejected (403 Forbidden): missing Origin header"),
    ],
)
async def test_a_refusal_is_told_with_its_reason(options, line):
    async with logged("INFO", origins=["https://a"]) as (server, connect, served, asked):
        with pytest.raises(websockets.InvalidStatus):
            await connect(**options)
    assert served.lines == [f"INFO connection {line}"]


async def test_a_request_that_is_none():
    async with logged("INFO") as (server, connect, served, asked):
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"\x1b[31m\r\n\r\n")
            await peer.read_eof()
    [line] = served.lines
    assert line.startswith("INFO connection rejected (400 Bad Request): ")
    assert line.isprintable()


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, "HTTP response sent (200 OK)"),
        (404, "connection rejected (404 Not Found)"),
        (299, "HTTP response sent (299)"),
    ],
)
async def test_what_a_program_answers(status, line):
    def process_request(path, headers):
        return status, [], b"text"

    async with logged("INFO", process_request=process_request) as (server, connect, served, asked):
        with pytest.raises(websockets.InvalidStatus):
            await connect()
    assert served.lines == [f"INFO {line}"]


async def test_a_program_that_fails_while_it_is_asked():
    def process_request(path, headers):
        raise ZeroDivisionError("on purpose")

    async with logged("INFO", process_request=process_request) as (server, connect, served, asked):
        with pytest.raises(websockets.InvalidStatus):
            await connect()
    assert served.lines == [
        "ERROR error in the opening handshake",
        "INFO connection rejected (500 Internal Server Error): on purpose",
    ]


async def test_records_know_their_connection():
    connections = []

    async def fail(ws):
        connections.append((ws, ws.id))
        raise ZeroDivisionError("on purpose")

    async with logged("INFO", fail) as (server, connect, served, asked):
        async with connect("/place") as ws:
            await ws.wait_closed()
        [(ws, identifier)] = connections
        await ws.wait_closed()
        assert len(served.records) == 3
        for record in served.records:
            assert record.websocket.id == identifier
            assert record.websocket.path == "/place"
            assert isinstance(record.websocket, weakref.ProxyType)


async def test_errors_know_their_connection_where_the_rest_is_not_logged():
    async def fail(ws):
        raise ZeroDivisionError("on purpose")

    async with logged("WARNING", fail) as (server, connect, served, asked):
        async with connect("/place") as ws:
            await ws.wait_closed()
        assert served.lines == ["ERROR error in a connection handler"]
        assert served.records[0].websocket.path == "/place"


async def test_logs_do_not_keep_connections():
    connections = []

    async def note(ws):
        connections.append(weakref.ref(ws))
        await echo(ws, "/")

    async with logged("DEBUG", note) as (server, connect, served, asked):
        gc.collect()
        gc.disable()
        try:
            async with connect() as ws:
                await ws.send("x")
                await ws.recv()
            ws = weakref.ref(ws)
        finally:
            gc.enable()
        while len(server.websockets):
            await asyncio.sleep(0)
    assert [served() for served in connections] == [None]
    assert ws() is None


def marks(records, *marks):
    return [line[6:] for line in records.lines if line[6:7] in marks]


@both_sides
async def test_debug_tells_of_frames_and_steps(connection):
    records = Records("DEBUG")
    async with connection(logger=records.logger) as (ws, peer):
        assert ws.debug
        opened = len(records.lines)
        peer.send(TEXT, b"hello")
        assert await ws.recv() == "hello"
        await ws.send(b"\x00\xff")
        peer.send(PING, b"x")
        for _ in range(2):
            await peer.read()
        peer.send(CLOSE, close_payload(1000))
        await peer.read()
        await peer.close()
        await ws.wait_closed()
    lines = records.lines[opened:]
    assert [line for line in lines if line[6:7] in "<>" and "EOF" not in line] == [
        "DEBUG < TEXT 'hello' [5 bytes]",
        "DEBUG > BINARY 00 ff [2 bytes]",
        "DEBUG < PING 'x' [text, 1 byte]",
        "DEBUG > PONG 'x' [text, 1 byte]",
        "DEBUG < CLOSE 1000 (OK) [2 bytes]",
        "DEBUG > CLOSE 1000 (OK) [2 bytes]",
    ]
    assert "DEBUG x closing TCP connection" in lines
    level = "DEBUG" if ws.is_client else "INFO"
    assert lines[-1] == f"{level} connection closed: received 1000 (OK); then sent 1000 (OK)"


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_messages_pass_while_they_are_logged(compression):
    async with logged("DEBUG", compression=compression) as (server, connect, served, asked):
        async with connect(compression=compression) as ws:
            for message in ("a" * 1000, b"b" * 200_000, "", ["c", "d"]):
                await ws.send(message)
                expected = "".join(message) if isinstance(message, list) else message
                assert await ws.recv() == expected
    assert len([line for line in marks(served, ">") if "200000 bytes" in line]) == 1


async def test_debug_tells_of_the_opening_handshake():
    def process_request(path, headers):
        if path != "/":
            return 404, [], b"nothing\n"

    async with logged("DEBUG", process_request=process_request) as (server, connect, served, asked):
        async with connect():
            pass
        with pytest.raises(websockets.InvalidStatus):
            await connect("/else")
    for records, request, response in ((served, "<", ">"), (asked, ">", "<")):
        lines = [re.sub(r"(: ).*", r"\1...", line) for line in marks(records, "<", ">")]
        for name in ("Host", "Sec-WebSocket-Key", "Upgrade"):
            assert f"{request} {name}: ..." in lines
        assert f"{response} Sec-WebSocket-Accept: ..." in lines
        assert f"{request} GET / HTTP/1.1" in lines
        assert f"{response} HTTP/1.1 101 Switching Protocols" in lines
        assert f"{response} HTTP/1.1 404 Not Found" in lines
    assert "> [body] (8 bytes)" in marks(served, ">")
    assert "DEBUG connection open" in asked.lines


async def test_where_nobody_wants_to_know_a_connection_asks_once():
    asked = []

    class Logger(logging.Logger):
        def isEnabledFor(self, level):
            asked.append(level)
            return False

    async with websockets.serve(echo, "127.0.0.1", 0, logger=Logger("mine")) as server:
        async with websockets.connect(uri_of(server), logger=Logger("mine")) as ws:
            assert not ws.debug
            for _ in range(10):
                await ws.send("x")
                await ws.recv()
    assert sorted(asked) == [logging.DEBUG, logging.INFO]


async def test_a_logger_that_only_knows_errors():
    class Logger:
        def error(self, text, exc_info):
            told.append(text)

    async def fail(ws):
        raise ZeroDivisionError("on purpose")

    told = []
    async with websockets.serve(fail, "127.0.0.1", 0, logger=Logger()) as server:
        async with websockets.connect(uri_of(server), logger=Logger()) as ws:
            await ws.wait_closed()
    assert told == ["error in a connection handler"]
