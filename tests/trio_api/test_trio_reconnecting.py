"""
Clients of today's API on trio that connect again and again.
"""

import contextlib

import pytest
from on_trio import TIME_LIMIT, answering, echo, hold, on_trio, serving, trio, uri_of
from todays import Records, accepting

from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.trio.client import connect

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Delays:
    """Delays that take no time, and how often they were asked for."""

    def __init__(self, *delays):
        self.delays = delays
        self.series = 0

    def __call__(self):
        self.series += 1
        return iter(self.delays)


async def leave(ws):
    """End a connection without the server's help."""
    await ws.stream.aclose()
    await ws.wait_closed()


@on_trio
async def test_a_series_of_failures_has_its_delays():
    records, delays = Records(), Delays(0.01, 0.02)
    responses = [BUSY, BUSY, accepting, accepting, BUSY, accepting]
    async with answering(*responses) as server:
        opened = 0
        async for ws in connect(
            uri_of(server), reconnect_delays=delays, logger=records.logger, close_timeout=0.01
        ):
            opened += 1
            if opened == 3:
                await leave(ws)
                break
    assert delays.series == 2
    text = "InvalidStatus: server rejected WebSocket connection: HTTP 503"
    text = f"websockets.exceptions.{text}"
    assert records.lines == [
        f"INFO connect failed; reconnecting in 0.0 seconds: {text}",
        f"INFO connect failed; reconnecting in 0.0 seconds: {text}",
        f"INFO connect failed; reconnecting in 0.0 seconds: {text}",
    ]


@on_trio
async def test_each_connection_is_closed_before_the_next():
    async with answering(accepting) as server:
        before = None
        async for ws in connect(uri_of(server), close_timeout=0.01):
            assert before is None or before.state.name == "CLOSED"
            if before is not None:
                await leave(ws)
                break
            before = ws


@on_trio
async def test_exceptions_of_the_body_come_out():
    def never(exc):
        raise AssertionError("it wasn't the connection that failed")

    for exc in (OSError("of the body"), KeyError("of the body")):
        async with answering(accepting) as server:
            with pytest.raises(type(exc)) as raised:
                async for ws in connect(uri_of(server), process_exception=never):
                    await ws.stream.aclose()
                    raise exc
            assert raised.value is exc
            assert len(server.requests) == 1


async def loop_over(*responses, **options):
    """Return the exception that ends a loop."""
    async with answering(*responses) as server:
        with pytest.raises(Exception) as raised:
            async for ws in connect(uri_of(server), **options):
                await leave(ws)
                raise AssertionError("it has connected")
    return raised.value


@on_trio
async def test_what_is_fatal_is_raised():
    exc = await loop_over(GONE)
    assert exc.response.status_code == 404 and exc.__cause__ is None


@on_trio
async def test_process_exception_has_the_word():
    seen = []

    def same(exc):
        seen.append(exc)
        return exc

    assert await loop_over(BUSY, process_exception=same) is seen[0]
    other = KeyError("another")
    exc = await loop_over(BUSY, process_exception=lambda exc: other)
    assert exc is other and isinstance(exc.__cause__, InvalidStatus)

    def fails(exc):
        raise other

    exc = await loop_over(BUSY, process_exception=fails)
    assert exc is other and isinstance(exc.__cause__, InvalidStatus)
    delays = Delays(0)
    exc = await loop_over(
        BUSY, accepting, process_exception=lambda exc: None, reconnect_delays=delays
    )
    assert str(exc) == "it has connected" and delays.series == 1


@on_trio
async def test_delays_that_end():
    exc = await loop_over(BUSY, reconnect_delays=Delays(0, 0))
    assert isinstance(exc, InvalidStatus)


# Who leaves the loop


@on_trio
async def test_the_loop_is_left_by_break():
    async with serving(hold) as server:
        assert connect(uri_of(server)).__aiter__().__aiter__()
        with trio.CancelScope():
            async for ws in connect(uri_of(server)):  # noqa: B007
                break
        # No scope is left open, and the connection closes by itself.
        await ws.wait_closed()
        assert ws.close_exc.sent.code == 1000


@on_trio
async def test_the_loop_is_left_by_an_exception():
    async with serving(hold) as server:
        with trio.CancelScope() as scope:
            with pytest.raises(KeyError):
                async for ws in connect(uri_of(server)):  # noqa: B007
                    raise KeyError
            await ws.wait_closed()
        assert not scope.cancelled_caught and ws.close_exc.sent.code == 1000


@on_trio
async def test_the_loop_is_left_by_cancellation():
    async with serving(hold) as server:
        with trio.move_on_after(TIME_LIMIT) as scope:
            async for ws in connect(uri_of(server)):  # noqa: B007
                scope.cancel()
                await ws.recv()
        assert scope.cancelled_caught
        await ws.wait_closed()


@on_trio
async def test_a_task_ends_when_its_connection_has_ended():
    connections = []

    async def look():
        async for ws in connect(uri_of(server)):  # noqa: B007
            connections.append(ws)
            return

    async with serving(hold) as server:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
        assert connections[0].state.name == "CLOSED"


@on_trio
async def test_in_a_task_that_has_not_started_yet():
    async def look(task_status):
        async for ws in connect(uri_of(server)):
            await ws.send("x")
            task_status.started(await ws.recv())
            await ws.send("y")
            assert await ws.recv() == "y"
            return

    async with serving(echo) as server:
        async with trio.open_nursery() as nursery:
            assert await nursery.start(look) == "x"


@on_trio(autojump=True)
async def test_pauses_are_those_of_the_clock():
    attempts = []

    class Failing(connect):
        async def open_tcp_stream(self):
            attempts.append(trio.current_time())
            raise OSError

    with trio.move_on_after(100):
        async for _ in Failing("ws://localhost/", reconnect_delays=lambda: iter([1, 2, 50, 100])):
            pass
    assert [now - attempts[0] for now in attempts] == [0, 1, 3, 53]


@on_trio
async def test_a_server_that_restarts():
    async def handler(connection):
        await connection.send("hello")
        if len(heard) < 2:
            await connection.aclose(1012)
        await connection.wait_closed()

    heard = []
    async with serving(handler) as server:
        async for ws in connect(uri_of(server)):  # noqa: B007
            with contextlib.suppress(ConnectionClosedError):
                async for message in ws:
                    heard.append(message)
                    if len(heard) == 3:
                        await ws.aclose()
            if len(heard) == 3:
                break
    assert heard == ["hello"] * 3
