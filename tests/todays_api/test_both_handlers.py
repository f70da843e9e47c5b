"""
serve() on asyncio and on trio: handlers, and the connections that they are given.
"""

import pytest
from both import (
    CLOSE_METHOD,
    close,
    connect,
    refuses_to_serve,
    runs_on_trio,
    server_and_peer,
    server_module,
    serving,
    tcp_to,
    turns,
    until,
    uri_of,
)
from todays import Records, echo, hold

from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
)
from websockets.frames import Close

pytestmark = pytest.mark.and_trio


@pytest.mark.parametrize(
    "exc, code",
    [
        (None, 1000),
        (ValueError("of the handler"), 1011),
        (ConnectionClosedOK(Close(1000, ""), Close(1000, ""), True), 1011),
        (ConnectionClosedError(None, None), 1011),
    ],
)
async def test_how_a_handler_ends(exc, code):
    records = Records()

    async def handler(connection):
        if exc is not None:
            raise exc

    async with server_and_peer(handler, logger=records.logger) as (ws, peer):
        await peer.end()
        await ws.wait_closed()
        assert ws.protocol.close_sent == Close(code, "")
    errors = [record for record in records.records if record.levelname == "ERROR"]
    assert [record.getMessage() for record in errors] == ["connection handler failed"] * bool(exc)
    assert [record.exc_info[1] for record in errors] == [exc] * bool(exc)


async def test_a_handler_that_does_not_catch_the_end():
    records = Records()

    async def handler(connection):
        await connection.recv()

    async with server_and_peer(handler, logger=records.logger) as (ws, peer):
        await peer.close()
        await ws.wait_closed()
        await turns()
    assert "ERROR connection handler failed" in records.lines


@pytest.mark.parametrize("handler", [1, "handler"])
async def test_what_is_no_handler(handler):
    with pytest.raises(TypeError):
        await refuses_to_serve(handler)


async def test_wrong_arguments_are_told_at_once():
    for options, error, text in [
        ({"compression": "gzip"}, ValueError, "unsupported compression: gzip"),
        ({"subprotocols": "a"}, TypeError, "subprotocols must be a list, not a str"),
        ({"subprotocols": ["a b"]}, ValueError, "invalid subprotocol: a b"),
        ({"max_queue": (1, 2)}, ValueError, "max_queue"),
    ]:
        with pytest.raises(error) as raised:
            await refuses_to_serve(hold, **options)
        assert text in str(raised.value)


# Subclasses


async def test_methods_that_subclasses_override():
    calls = []

    class Connection(server_module().ServerConnection):
        async def handshake(self, *args, **kwargs):
            calls.append("handshake")
            await super().handshake(*args, **kwargs)

        def process_event(self, event):
            calls.append(str(event) if hasattr(event, "opcode") else type(event).__name__)
            super().process_event(event)

        async def end(self, *args, **kwargs):
            calls.append(("close", args, kwargs))
            await getattr(super(), CLOSE_METHOD[runs_on_trio()])(*args, **kwargs)

    setattr(Connection, CLOSE_METHOD[runs_on_trio()], Connection.end)

    def create(*args, **options):
        calls.append(sorted(options.keys() - {"write_limit"}))
        return Connection(*args, **options)

    async with serving(echo, create_connection=create) as server:
        async with connect(uri_of(server)) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
        await until(lambda: ("close", (), {}) in calls)
        assert calls == [
            ["close_timeout", "max_queue", "ping_interval", "ping_timeout"],
            "handshake",
            "Request",
            "TEXT 'x' [1 byte]",
            "CLOSE 1000 (OK) [2 bytes]",
            ("close", (), {}),
        ]
        calls.clear()
        async with connect(uri_of(server)) as ws:
            await close(server, code=1012, reason="restart")
            assert ("close", (1012, "restart"), {}) in calls
            with pytest.raises(
                ConnectionClosedError, match=r"received 1012 \(service restart\) restart"
            ):
                await ws.recv()


async def test_create_connection_that_fails_ends_that_one_connection():
    records = Records()

    def create(*args, **kwargs):
        raise KeyError

    async with serving(hold, logger=records.logger, create_connection=create) as server:
        async with tcp_to(server) as peer:
            assert await peer.read_eof() == b""
    assert "ERROR error in create_connection" in records.lines
