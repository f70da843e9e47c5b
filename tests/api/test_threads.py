"""
Connections and more than one thread.
"""

import asyncio
import threading

from peer import both_sides, echo, uri_of

import websockets


async def test_closing_from_another_thread():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as ws:

            def work():
                closing = asyncio.run_coroutine_threadsafe(ws.close(4000), ws.loop)
                closing.result(10)

            await asyncio.get_running_loop().run_in_executor(None, work)
            assert ws.closed
            assert ws.close_code == 4000


def test_a_loop_in_another_thread():
    started = threading.Event()
    running = {}

    async def serve():
        running["loop"] = asyncio.get_running_loop()
        running["stop"] = asyncio.Event()
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            running["uri"] = uri_of(server)
            started.set()
            await running["stop"].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(10)

    async def talk():
        async with websockets.connect(running["uri"]) as ws:
            await ws.send("message")
            return await ws.recv()

    try:
        assert asyncio.run(talk()) == "message"
    finally:
        running["loop"].call_soon_threadsafe(running["stop"].set)
        thread.join(10)
    assert not thread.is_alive()


@both_sides
async def test_a_call_from_another_thread_is_an_error_in_debug_mode(connection):
    asyncio.get_running_loop().set_debug(True)
    errors = []

    def call(method, *args):
        try:
            asyncio.run(method(*args))
        except RuntimeError as exc:
            errors.append(str(exc))

    async with connection() as (ws, peer):
        for method, args in ((ws.send, ("x",)), (ws.recv, ()), (ws.ping, ())):
            thread = threading.Thread(target=call, args=(method, *args))
            thread.start()
            thread.join()
        assert len(errors) == 3
        assert all("run_coroutine_threadsafe" in error for error in errors)
        await ws.send("from the right thread")
        while (await peer.read())[1] != b"from the right thread":
            pass
