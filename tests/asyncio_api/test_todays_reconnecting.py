"""
Clients of today's API that connect again and again.
"""

import asyncio

import pytest

from websockets.asyncio.client import backoff, process_exception
from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    ProxyError,
    SecurityError,
)
from websockets.http11 import Response


def status(code):
    return InvalidStatus(Response(code, "", Headers()))


def caused(exc, cause):
    exc.__cause__ = cause
    return exc


@pytest.mark.parametrize(
    "exc",
    [
        OSError(),
        ConnectionResetError(),
        TimeoutError(),
        asyncio.TimeoutError(),
        caused(InvalidMessage("x"), EOFError()),
        *map(status, [500, 502, 503, 504]),
    ],
    ids=repr,
)
def test_failures_that_may_pass(exc):
    assert process_exception(exc) is None


@pytest.mark.parametrize(
    "exc",
    [
        InvalidMessage("x"),
        caused(InvalidMessage("x"), ValueError()),
        *map(status, [200, 302, 403, 404, 501, 505]),
        InvalidURI("x", "y"),
        SecurityError("x"),
        ProxyError("x"),
        ValueError(),
    ],
    ids=repr,
)
def test_failures_that_are_final(exc):
    assert process_exception(exc) is exc


def test_delays_grow():
    series = [next(backoff()) for _ in range(100)]
    assert len(set(series)) > 50 and all(0 <= delay < 5 for delay in series)
    delays = backoff(initial_delay=0, min_delay=1, max_delay=5, factor=2)
    assert [next(delays) for _ in range(6)] == [0, 1, 2, 4, 5, 5]
    delays = backoff()
    next(delays)
    assert next(delays) == 3.1 and next(delays) == pytest.approx(3.1 * 1.618)
    assert [next(delays) for _ in range(20)][-1] == 90
