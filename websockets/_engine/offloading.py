"""
Work that takes long, done in a thread while the event loop goes on.

Owns who does it: a thread of the loop's default executor, or whoever can't wait for that. Must
never know what the work is. Key decision: it is a function that can be called again and by any
thread; the first call does the work, and the others get what came of it. So nobody has to know
whether a thread has begun.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional

__all__ = ["Job", "do_elsewhere", "offload"]


class Job:
    """
    A call that is made once.

    Arguments:
        work: what is called, without arguments.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work: Optional[Callable[[], Any]] = work
        self._lock = threading.Lock()
        self._result: Any = None
        self._error: Optional[Exception] = None

    def __call__(self) -> Any:
        """Return what the call returns, or raise what it raises; wait if it is being made."""
        self.do()
        if self._error is not None:
            raise self._error
        return self._result

    def do(self) -> None:
        """Make the call, unless it has been made."""
        with self._lock:
            work, self._work = self._work, None
            if work is not None:
                try:
                    self._result = work()
                except Exception as exc:
                    self._error = exc


def do_elsewhere(loop: Any, job: Job, then: Callable[[], Any]) -> None:
    """Do a job in a thread, and afterwards call a function in the event loop."""
    try:
        done = loop.run_in_executor(None, job.do)
    except RuntimeError:
        # The event loop is about to be closed, and has no threads any more.
        job.do()
        loop.call_soon(then)
    else:
        done.add_done_callback(lambda _: then())


def offload(loop: Any, endpoint: Any, then: Callable[[], Any]) -> None:
    """Have a thread do the work of an endpoint, if there is some that wasn't begun."""
    if endpoint.work is None or type(endpoint.work) is Job:
        return
    endpoint.work = job = Job(endpoint.work)

    def done() -> None:
        endpoint.resume()
        then()

    do_elsewhere(loop, job, done)
