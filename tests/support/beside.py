"""
asyncio in a thread of its own, beside a test that runs on something else.
"""

import asyncio
import contextlib
import threading
from concurrent.futures import Future

DEADLINE = 30  # seconds


@contextlib.contextmanager
def on_asyncio(make):
    """Enter what a function returns, an asynchronous context, in such a thread; give its value."""
    entered = Future()

    async def main():
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            async with make() as value:
                entered.set_result((value, lambda: loop.call_soon_threadsafe(stop.set)))
                await stop.wait()
        except BaseException as exc:
            if entered.done():
                raise
            entered.set_exception(exc)

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    value, leave = entered.result(DEADLINE)
    try:
        yield value
    finally:
        leave()
        thread.join(DEADLINE)
        assert not thread.is_alive()
