"""
The way to an open connection: attempts, one after the other, within one budget of time.

Owns the order of the steps and what becomes of a connection whose handshake fails. Must never know
how to connect, what a handshake is, or which redirects may be followed: it is given functions for
these. Key decisions: whoever opens a connection has one time limit around all the steps, whatever
limits the layers below have of their own; and after a failure the transport is aborted and nothing
is waited for, because a peer that takes its time would hide the failure behind the time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Callable, Optional

from .._transports.verdicts import Verdict
from ..exceptions import InvalidHandshake, SecurityError

__all__ = ["complete", "follow_redirects", "within"]


async def within(
    seconds: Optional[float],
    connect: Callable[[], Awaitable[Any]],
    complaint: str,
    loop: Optional[asyncio.AbstractEventLoop] = None,
) -> Any:
    """
    Connect within a time.

    Arguments:
        seconds: that it may take, None for no limit.
        connect: does it.
        complaint: what the exception says.
        loop: the event loop that runs, if it is known.

    Raises:
        asyncio.TimeoutError: if it takes longer.
    """
    if seconds is None:
        return await connect()
    # asyncio.wait_for() would make a task, and lose a connection that is made in the turn in which
    # it is cancelled; asyncio.timeout() is there since Python 3.11.
    if loop is None:
        loop = asyncio.get_running_loop()
    task: Any = asyncio.current_task(loop)
    # Since then a task counts its cancellations, of which only one here is ours.
    counts = hasattr(task, "uncancel")
    before = task.cancelling() if counts else 0
    expired = False

    def expire(task: asyncio.Task[Any]) -> None:
        nonlocal expired
        expired = True
        task.cancel()

    timer = Verdict(loop, seconds, expire, task)
    try:
        return await connect()
    except asyncio.CancelledError:
        if expired and (not counts or task.cancelling() <= before + 1):
            raise asyncio.TimeoutError(complaint) from None
        raise
    finally:
        timer.cancel()
        if expired and counts:
            task.uncancel()
        # Once cancelled it keeps its exception, whose traceback refers to this frame.
        del task


async def complete(transport: Any, shake_hands: Callable[[], Awaitable[Any]]) -> None:
    """
    Complete a connection by its opening handshake.

    Arguments:
        transport: the transport, which is aborted if the handshake fails or is cancelled. It is
            asked itself, and nothing that is the program's.
        shake_hands: performs the handshake.
    """
    try:
        await shake_hands()
    except BaseException:
        transport.abort()
        raise


async def follow_redirects(
    attempt: Callable[[], Awaitable[Any]], redirect: Callable[[InvalidHandshake], bool], most: int
) -> Any:
    """
    Make attempts until one succeeds or fails for good.

    Arguments:
        attempt: makes an attempt, and returns the connection.
        redirect: is given the exception of an attempt that failed; it returns whether the next one
            goes elsewhere, or raises an exception.
        most: how many attempts are made.

    Returns:
        the connection.

    Raises:
        SecurityError: if there are more redirects.
    """
    for _ in range(most):
        try:
            return await attempt()
        except InvalidHandshake as exc:
            if not redirect(exc):
                raise
    raise SecurityError(f"more than {most} redirects")
