"""
Clients that connect again and again, on asyncio and on trio.
"""

import pytest
from both import answering, connect, leave, uri_of
from todays import Records, accepting

from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.and_trio


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


async def test_each_connection_is_closed_before_the_next():
    async with answering(accepting) as server:
        before = None
        async for ws in connect(uri_of(server), close_timeout=0.01):
            assert before is None or before.state.name == "CLOSED"
            if before is not None:
                await leave(ws)
                break
            before = ws


async def test_exceptions_of_the_body_come_out():
    def never(exc):
        raise AssertionError("it wasn't the connection that failed")

    for exc in (OSError("of the body"), KeyError("of the body")):
        async with answering(accepting) as server:
            with pytest.raises(type(exc)) as raised:
                async for ws in connect(uri_of(server), process_exception=never):
                    await leave(ws)
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


async def test_what_is_fatal_is_raised():
    exc = await loop_over(GONE)
    assert exc.response.status_code == 404 and exc.__cause__ is None


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


async def test_delays_that_end():
    exc = await loop_over(BUSY, reconnect_delays=Delays(0, 0))
    assert isinstance(exc, InvalidStatus)
