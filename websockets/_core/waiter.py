"""
Waiting for something, again and again, without a future for each time.

Owns who waits, and when that one goes on: in the middle of the event that it waits for, or when the
event loop turns next. Must never know what is waited for. Key decision: this is the part of a
future that tasks need, so that a task waits for it as it waits for a future, but goes on without a
detour through the event loop where nothing else is running.
"""

from __future__ import annotations

from typing import Any, Callable

__all__ = ["Waiter"]


class Waiter:
    """
    What a task can wait for.

    Arguments:
        loop: the event loop of the tasks that wait.
        running_loop: a function that returns the event loop that runs in this thread, or None.
        task_of: a function that returns the task that runs in an event loop, or None.
        done: a future that is done, of whatever event loop: what a task that goes on is given.

    Attributes:
        waiting: whether somebody waits.
        idle: set by who knows that the event loop runs in this thread and no task in it, for as
            long as that is sure.
    """

    def __init__(
        self,
        loop: Any,
        running_loop: Callable[[], Any],
        task_of: Callable[[Any], Any],
        done: Any,
    ) -> None:
        self.waiting = False
        self.idle = False
        self._turn = 0  # the number of who waits, or of who waited last
        self._loop = loop
        self._running_loop = running_loop
        self._task_of = task_of
        self._done = done
        self._callback: Any = None
        self._context: Any = None
        self._asyncio_future_blocking = False

    def begin(self) -> int:
        """Wait; the coroutine has to yield this object next. Return the number of this wait."""
        self.waiting = True
        self._turn += 1
        # By this mark a task knows that it is to wait.
        self._asyncio_future_blocking = True
        return self._turn

    def end(self, turn: int) -> None:
        """Let go of one who waits no more, if it hasn't been woken, nor another waits meanwhile."""
        if self.waiting and self._turn == turn:
            self.waiting = False
            self._callback = self._context = None

    def wake(self, at_once: bool) -> None:
        """
        Let who waits go on.

        Arguments:
            at_once: whether to do so before this returns, if the loop runs, and no task in it.
        """
        callback = self._callback
        context = self._context
        self.waiting = False
        self._callback = self._context = None
        if callback is None:
            return
        if at_once:
            idle, self.idle = self.idle, False
            try:
                if idle or (
                    self._running_loop() is self._loop and self._task_of(self._loop) is None
                ):
                    context.run(callback, self._done)
                    return
            except RuntimeError:
                # The event loop runs this in the task's own context; or a task runs after all, as
                # an eager one that was begun in the middle of what came.
                pass
            except BaseException as exc:
                # KeyboardInterrupt and SystemExit: they end the event loop.
                self._loop.call_soon(raise_, exc)
                return
        try:
            self._loop.call_soon(callback, self._done, context=context)
        except BaseException:
            # For want of memory: whatever happens next tries it again.
            self.waiting = True
            self._callback = callback
            self._context = context
            raise

    # What tasks want of a future

    def get_loop(self) -> Any:
        """Tell for which event loop this is."""
        return self._loop

    def add_done_callback(self, callback: Any, *, context: Any = None) -> None:
        """Have the task that waits give the function that lets it go on."""
        self._callback = callback
        self._context = context

    def cancel(self, msg: Any = None) -> bool:
        """Let a task that is being cancelled go on, which then knows that itself."""
        self.wake(False)
        return False

    def result(self) -> None:
        """Have nothing to say: what happened is to be seen elsewhere."""


def raise_(exc: BaseException) -> None:
    """Raise an exception in a place of its own."""
    raise exc
