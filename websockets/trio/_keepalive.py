"""
Keepalive on trio: regular pings, and the verdict on a peer that gives no sign of life.

Owns their times, with the rules of :mod:`websockets._engine.keepalive`, as a task instead of
timers. Must never know how a ping is sent or a connection is failed.
"""

from __future__ import annotations

from typing import Any

import trio

from ._verdicts import look

__all__ = ["keep_alive"]


async def keep_alive(session: Any, times: Any) -> None:
    """
    Send pings regularly, and fail the connection of a peer that gives no sign of life.

    Arguments:
        session: the open connection, an object with the methods of a
            :class:`~websockets._engine.driving.Driver` and ``has_heard()``, which tells whether
            there was a sign of life since it was called last.
        times: an object with the attributes ``ping_interval`` and ``ping_timeout``, in seconds,
            which may change; None in the first ends this.
    """
    sent = trio.current_time()
    while times.ping_interval is not None:
        # A pong that was late is no reason to hurry.
        due, now = sent + times.ping_interval, trio.current_time()
        await trio.sleep_until(due if due > now else now + times.ping_interval)
        sent = trio.current_time()
        session.has_heard()
        pong = trio.Event()
        session.send_ping(pong.set)
        silent = False  # whether there was no sign of life for half the time
        while not pong.is_set() and times.ping_timeout is not None:
            with trio.move_on_after(times.ping_timeout / 2):
                await pong.wait()
            if pong.is_set():
                break
            if await seems_alive(session):
                silent = False
                if not pong.is_set():
                    # Where nothing is read, only writing tells that TCP is gone.
                    session.repeat_ping()
            elif silent:
                session.expire()
                return
            else:
                silent = True


async def seems_alive(session: Any) -> bool:
    """Tell whether there was a sign of life since this was asked last."""
    if session.has_heard():
        return True
    # After the program was busy for long, what has arrived meanwhile isn't read yet.
    await look()
    heard: bool = session.has_heard()
    return heard
