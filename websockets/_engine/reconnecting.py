"""
Clients that come back: connections, one after the other, with pauses where there is none to be had.

Owns which failures may pass, and the pauses. Must never know how a connection is opened. Key
decision: the first pause is random, so that the clients of a server that was restarted don't come
back all at once; each is longer than the one before.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Iterator
from http import HTTPStatus
from typing import Any, Callable, Optional

from .._environment import read_float
from ..exceptions import InvalidMessage, InvalidStatus

__all__ = [
    "BACKOFF_FACTOR",
    "BACKOFF_INITIAL_DELAY",
    "BACKOFF_MAX_DELAY",
    "BACKOFF_MIN_DELAY",
    "Series",
    "backoff",
    "process_exception",
    "reconnecting",
]

BACKOFF_INITIAL_DELAY = read_float("BACKOFF_INITIAL_DELAY", 5)  # seconds, as the next two
BACKOFF_MIN_DELAY = read_float("BACKOFF_MIN_DELAY", 3.1)
BACKOFF_MAX_DELAY = read_float("BACKOFF_MAX_DELAY", 90.0)
BACKOFF_FACTOR = read_float("BACKOFF_FACTOR", 1.618)

# RFC 9110 15.6: what is wrong with the server for the moment.
PASSING = (
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


def process_exception(exc: Exception) -> Optional[Exception]:
    """
    Tell whether a failure to connect may pass: return None to try again, ``exc`` to give up.

    Those pass that the network or a server under load are the reason of. What a server answers on
    purpose doesn't.
    """
    # Before Python 3.11 the two time-outs aren't the same class.
    if isinstance(exc, (OSError, TimeoutError, asyncio.TimeoutError)):
        return None
    if isinstance(exc, InvalidMessage) and isinstance(exc.__cause__, EOFError):
        return None
    if isinstance(exc, InvalidStatus) and exc.status_code in PASSING:
        return None
    return exc


def backoff(
    initial_delay: float = BACKOFF_INITIAL_DELAY,
    min_delay: float = BACKOFF_MIN_DELAY,
    max_delay: float = BACKOFF_MAX_DELAY,
    factor: float = BACKOFF_FACTOR,
) -> Iterator[float]:
    """
    Yield the seconds between attempts, without end.

    The first is random, less than ``initial_delay``; from then on ``min_delay`` is multiplied by
    ``factor`` each time, up to ``max_delay``.
    """
    import random  # which takes its time, and is needed where something has failed

    yield random.random() * initial_delay
    delay = min_delay
    while delay < max_delay:
        yield delay
        delay *= factor
    while True:
        yield max_delay


class Series:
    """
    Attempts to connect, of which each that fails is followed by a pause.

    Arguments:
        logger: where failures that may pass are told.
        process_exception: is given each failure; it returns None to try again, or the exception to
            raise, which may be the same. What it raises counts as what it returns.
        delays: makes an iterator of the seconds before each new attempt of a series; where it ends,
            the failure is final.
    """

    def __init__(
        self,
        logger: Any,
        process_exception: Callable[[Exception], Optional[Exception]],
        delays: Callable[[], Iterator[float]],
    ) -> None:
        self._logger = logger
        self._judge = process_exception
        self._delays = delays
        self._pauses: Optional[Iterator[float]] = None

    def succeeded(self) -> None:
        """Take notice that there is a connection: the next failure begins a new series."""
        self._pauses = None

    def failed(self, exc: Exception) -> float:
        """Return the seconds until the next attempt, or raise the failure if it is final."""
        verdict = _verdict(self._judge, exc)
        if verdict is exc:
            raise exc
        if verdict is not None:
            raise verdict from exc
        if self._pauses is None:
            self._pauses = self._delays()
        pause = next(self._pauses, None)
        if pause is None:
            raise exc
        reason = traceback.format_exception_only(type(exc), exc)[-1].strip()
        self._logger.info("connect failed; reconnecting in %.1f seconds: %s", pause, reason)
        return pause


async def reconnecting(
    connect: Callable[[], Awaitable[Any]],
    logger: Any,
    process_exception: Callable[[Exception], Optional[Exception]],
    delays: Callable[[], Iterator[float]],
    close: Callable[[Any], Awaitable[Any]] = lambda connection: connection.close(),
) -> AsyncIterator[Any]:
    """
    Yield open connections; each is closed before the next.

    Arguments:
        connect: opens a connection.
        logger, process_exception, delays: as for :class:`Series`.
        close: closes a connection.
    """
    series = Series(logger, process_exception, delays)
    while True:
        pause: Optional[float] = None
        try:
            connection = await connect()
        except Exception as exc:
            pause = series.failed(exc)
        else:
            series.succeeded()
            try:
                yield connection
            finally:
                await close(connection)
            del connection
        if pause is not None:
            await asyncio.sleep(pause)


def _verdict(judge: Callable[[Exception], Optional[Exception]], exc: Exception) -> Any:
    try:
        return judge(exc)
    except Exception as raised:
        return raised
