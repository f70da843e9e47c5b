"""
A handler that goes on in the middle of a read, without its task: it can't tell, and its task can't.

Whatever else it waits for, raises or returns is its task's, and so is every cancellation.
"""

import asyncio
import contextlib
import contextvars
import io

import pytest
from peer import CLOSE, REQUEST, TEXT, close_payload, port_of, tcp_to, turns, until

import websockets
from websockets.asyncio import server as todays

OPTIONS = {"ping_interval": None, "compression": None, "close_timeout": 0.2}

each_face = pytest.mark.parametrize("serve", [websockets.serve, todays.serve], ids=["8.1", "today"])
pytestmark = each_face


class Talk:
    """
    A server and the only client of it.

    Arguments:
        serve: a function that serves.
        handler: a coroutine function that gets the connection and this object.

    Attributes:
        task: of the connection.
        noted: what the handler notes.
    """

    def __init__(self, serve, handler):
        self.serve = serve
        self.handler = handler
        self.noted = []

    async def run(self, ws):
        self.task = ws.handler_task
        await self.handler(ws, self)

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        server = await self.stack.enter_async_context(
            self.serve(self.run, "127.0.0.1", 0, **OPTIONS)
        )
        self.peer = await self.stack.enter_async_context(tcp_to(port_of(server)))
        self.peer.write(REQUEST + b"\r\n")
        await self.peer.read_head()
        return self

    async def __aexit__(self, *exc_info):
        return await self.stack.__aexit__(*exc_info)

    async def say(self, *messages):
        """Send messages, one after the other, and give the server time for each."""
        for message in messages:
            self.peer.send(TEXT, message.encode())
            await turns()

    async def hear(self, *messages):
        """Receive these messages."""
        for message in messages:
            assert await self.peer.read() == (0x80 | TEXT, message.encode())

    async def hear_close(self, code):
        assert await self.peer.read() == (0x80 | CLOSE, close_payload(code))


variable = contextvars.ContextVar("variable", default=0)


async def test_a_handler_has_its_task_and_its_context(serve):
    async def handler(ws, talk):
        async for message in ws:
            variable.set(variable.get() + 1)
            talk.noted.append((asyncio.current_task() is talk.task, variable.get()))
            await ws.send(message)

    async with Talk(serve, handler) as talk:
        me = asyncio.current_task()
        await talk.say("a", "b", "c")
        await talk.hear("a", "b", "c")
        assert talk.noted == [(True, 1), (True, 2), (True, 3)]
        assert asyncio.current_task() is me
        assert variable.get() == 0


async def test_a_handler_waits_for_other_things_between_messages(serve):
    async def handler(ws, talk):
        async for message in ws:
            if message == "future":
                talk.future = asyncio.get_running_loop().create_future()
                message = await talk.future
            elif message == "turn":
                await asyncio.sleep(0)
            elif message == "task":
                await asyncio.create_task(asyncio.sleep(0))
            elif message == "limit":
                message = await asyncio.wait_for(ws.recv(), 10)
            elif message == "several":
                await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
            await ws.send(message)

    async with Talk(serve, handler) as talk:
        await talk.say("turn", "a", "task", "b", "limit", "c", "d", "future", "e")
        await talk.hear("turn", "a", "task", "b", "c", "d")
        talk.future.set_result("f")
        await talk.hear("f", "e")
        await talk.say("turn", "several", "turn")
        await talk.hear("turn", "several", "turn")


async def test_several_tasks_take_turns_in_waiting_for_messages(serve):
    async def take(ws, talk):
        talk.noted.append((await ws.recv(), asyncio.current_task() is talk.task))

    async def handler(ws, talk):
        while True:
            await take(ws, talk)
            await asyncio.create_task(take(ws, talk))
            await take(ws, talk)

    async with Talk(serve, handler) as talk:
        await talk.say(*"abcdef")
        own = [True, False, True, True, False, True]
        assert talk.noted == list(zip("abcdef", own))


@pytest.mark.parametrize("end", ["return", "raise"])
async def test_a_handler_ends_in_the_middle_of_a_read(serve, end):
    async def handler(ws, talk):
        for _ in range(3):
            await ws.send(await ws.recv())
        if end == "raise":
            raise ValueError("the handler's")

    async with Talk(serve, handler) as talk:
        await talk.say("a", "b", "c")
        await talk.hear("a", "b", "c")
        await talk.hear_close(1011 if end == "raise" else 1000)
        talk.peer.send(CLOSE, close_payload(1000))
        await until(lambda: talk.task.done())
        assert talk.task.exception() is None


async def wait_for_a_message(ws, talk):
    await ws.recv()


async def wait_for_a_future(ws, talk):
    talk.future = asyncio.get_running_loop().create_future()
    try:
        await talk.future
    finally:
        talk.noted.append(talk.future.cancelled())


async def wait_for_a_task(ws, talk):
    async def sleep():
        try:
            await asyncio.sleep(3600)
        finally:
            talk.noted.append(True)

    await asyncio.create_task(sleep())


async def wait_for_a_turn(ws, talk):
    await asyncio.sleep(0)


async def wait_for_what_is_there(ws, talk):
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    await future
    await ws.recv()


WAITS = [
    wait_for_a_message,
    wait_for_a_future,
    wait_for_a_task,
    wait_for_a_turn,
    wait_for_what_is_there,
]


@pytest.mark.parametrize("wait", WAITS)
async def test_a_handler_cancels_itself_and_then_waits(serve, wait):
    async def handler(ws, talk):
        await ws.send(await ws.recv())
        await ws.recv()
        asyncio.current_task().cancel()
        await wait(ws, talk)
        talk.noted.append("went on")

    async with Talk(serve, handler) as talk:
        await talk.say("a", "b")
        await talk.hear("a")
        await until(lambda: talk.task.done())
        assert talk.task.cancelled()
        assert all(seen is True for seen in talk.noted)


@pytest.mark.parametrize("wait", WAITS)
async def test_a_handler_goes_on_after_it_was_cancelled(serve, wait):
    async def handler(ws, talk):
        await ws.recv()
        asyncio.current_task().cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await wait(ws, talk)
            talk.noted.append("went on")
        async for message in ws:
            await ws.send(message)

    async with Talk(serve, handler) as talk:
        await talk.say("a")
        await talk.say("b", "c")
        await talk.hear("b", "c")
        assert all(seen is True for seen in talk.noted)


async def test_a_handler_cancels_itself_and_returns(serve):
    async def handler(ws, talk):
        await ws.send(await ws.recv())
        await ws.recv()
        asyncio.current_task().cancel()

    async with Talk(serve, handler) as talk:
        await talk.say("a", "b")
        await talk.hear("a")
        await until(lambda: talk.task.done())
        assert talk.task.cancelled()


@pytest.mark.parametrize("messages", ["", "a", "ab"])
async def test_a_handler_is_cancelled_while_it_waits(serve, messages):
    async def handler(ws, talk):
        try:
            async for message in ws:
                await ws.send(message)
        except asyncio.CancelledError:
            talk.noted.append("cancelled")
            raise

    async with Talk(serve, handler) as talk:
        await talk.say(*messages)
        await talk.hear(*messages)
        assert talk.task.cancel()
        # What comes now isn't given to it any more.
        talk.peer.send(TEXT, b"late")
        await until(lambda: talk.task.done())
        assert talk.task.cancelled()
        assert talk.noted == ["cancelled"]


async def test_another_task_waits_after_a_handler_was_cancelled(serve):
    async def take(ws, talk):
        talk.noted.append((await ws.recv(), asyncio.current_task() is talk.task))

    async def handler(ws, talk):
        await take(ws, talk)
        with contextlib.suppress(asyncio.CancelledError):
            await ws.recv()
        other = asyncio.create_task(take(ws, talk))
        while not other.done():
            await asyncio.sleep(0)
            assert asyncio.current_task() is talk.task
        await take(ws, talk)

    async with Talk(serve, handler) as talk:
        await talk.say("a")
        talk.task.cancel()
        await turns()
        await talk.say("b", "c")
        assert talk.noted == [("a", True), ("b", False), ("c", True)]


async def test_a_handler_has_a_time_limit_for_each_message(serve):
    async def handler(ws, talk):
        for _ in range(2):
            await ws.send(await ws.recv())
        try:
            await asyncio.wait_for(ws.recv(), 0.001)
        except asyncio.TimeoutError:
            await ws.send("late")
        async for message in ws:
            await ws.send(message)

    async with Talk(serve, handler) as talk:
        await talk.say("a", "b")
        await talk.hear("a", "b", "late")
        await talk.say("c", "d")
        await talk.hear("c", "d")


async def test_a_task_shows_what_it_runs(serve):
    async def handler(ws, talk):
        async for message in ws:
            talk.noted.append(repr(talk.task))
            await ws.send(message)

    async with Talk(serve, handler) as talk:
        await talk.say("a", "b")
        await talk.hear("a", "b")
        text = io.StringIO()
        talk.task.print_stack(file=text)
        for shown in (repr(talk.task), *talk.noted, text.getvalue()):
            assert talk.task.get_coro().__name__ in shown
        assert talk.task.get_coro().cr_await is not None


async def test_a_task_factory_wraps_what_it_is_given(serve):
    ended = []

    async def wrapped(coroutine):
        try:
            return await coroutine
        finally:
            ended.append(asyncio.current_task())

    def factory(loop, coroutine, **options):
        return asyncio.Task(wrapped(coroutine), loop=loop, **options)

    async def handler(ws, talk):
        async for message in ws:
            assert asyncio.current_task() is talk.task
            await ws.send(message)

    asyncio.get_running_loop().set_task_factory(factory)
    async with Talk(serve, handler) as talk:
        await talk.say("a", "b", "c")
        await talk.hear("a", "b", "c")
        talk.peer.send(CLOSE, close_payload(1000))
        await until(lambda: talk.task.done())
    assert ended.count(talk.task) == 1


async def test_a_task_factory_makes_tasks_of_its_own_kind(serve):
    class Task(asyncio.Task):
        pass

    async def handler(ws, talk):
        async for message in ws:
            talk.noted.append(asyncio.current_task() is talk.task)
            await ws.send(message)

    asyncio.get_running_loop().set_task_factory(
        lambda loop, coroutine, **options: Task(coroutine, loop=loop, **options)
    )
    async with Talk(serve, handler) as talk:
        await talk.say("a", "b")
        await talk.hear("a", "b")
        assert isinstance(talk.task, Task)
        assert talk.noted == [True, True]
