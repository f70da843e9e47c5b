"""
connect() in a loop, which connects again.
"""

import asyncio
import random

import pytest
from peer import hold, port_of

import websockets
from websockets import client


async def test_connect_in_a_loop_connects_again_when_a_connection_is_closed():
    async def handler(ws):
        await ws.send("hello")

    seen = []
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async for ws in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
            try:
                seen.append(await ws.recv())
                await ws.recv()
            except websockets.ConnectionClosed:
                if len(seen) < 3:
                    continue
                break
    assert seen == ["hello"] * 3


async def test_connect_in_a_loop_closes_the_connection_before():
    connections = []
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        connecting = websockets.connect(f"ws://127.0.0.1:{port_of(server)}")
        iterator = connecting.__aiter__()
        for _ in range(3):
            connections.append(await iterator.__anext__())
            assert [ws.open for ws in connections] == [False] * (len(connections) - 1) + [True]
        await iterator.aclose()
        assert not connections[-1].open


@pytest.fixture
def no_delays(monkeypatch):
    """Keep the delays between attempts, in place of waiting for them."""
    delays = []
    sleep = asyncio.sleep

    def note(delay):
        delays.append(delay)
        return sleep(0)

    monkeypatch.setattr(client.asyncio, "sleep", note)
    return delays


async def test_connect_in_a_loop_tries_again_with_growing_delays(no_delays):
    responses = [(503, [], b"")] * 20

    def process_request(path, headers):
        return responses.pop() if responses else None

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        iterator = websockets.connect(f"ws://127.0.0.1:{port_of(server)}").__aiter__()
        assert (await iterator.__anext__()).open
        await iterator.aclose()
    delays = [delay for delay in no_delays if delay]
    assert len(delays) == 20 and 0 <= delays[0] <= 5
    # The first is random; the others grow.
    assert delays[1] == 3.1 and delays[1:] == sorted(delays[1:]) and delays[-1] == 90


async def test_connect_in_a_loop_does_not_insist_where_it_is_refused():
    def process_request(path, headers):
        return 403, [], b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        with pytest.raises(websockets.InvalidStatusCode):
            async for _ in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
                pass


async def test_connect_in_a_loop_waits_for_a_server_that_is_not_there(no_delays, monkeypatch):
    monkeypatch.setattr(random, "random", lambda: 0.0)
    server = await websockets.serve(hold, "127.0.0.1", 0)
    port = port_of(server)
    server.close()
    await server.wait_closed()
    iterator = websockets.connect(f"ws://127.0.0.1:{port}").__aiter__()
    connecting = asyncio.ensure_future(iterator.__anext__())
    while sum(no_delays) < 100:
        await asyncio.sleep(0)
    async with websockets.serve(hold, "127.0.0.1", port):
        assert (await connecting).open
        await iterator.aclose()


async def test_connect_in_a_loop_tries_again_when_an_answer_is_cut(no_delays):
    answers = [b"", b"HTTP/1.1 101 Swi", b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"hello\r\n\r\n"]

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    # What isn't HTTP won't be HTTP the next time.
    with pytest.raises(websockets.InvalidMessage):
        async for _ in websockets.connect(f"ws://127.0.0.1:{port_of(server)}"):
            pass
    assert not answers
    server.close()
    await server.wait_closed()


def answering_with(*statuses):
    answers = [status and (status, [], b"") for status in statuses]
    return websockets.serve(
        hold, "127.0.0.1", 0, process_request=lambda path, headers: answers.pop(0)
    )


async def test_a_program_says_what_is_tried_again(no_delays):
    failures = []

    def process_exception(exc):
        failures.append(exc.status_code)
        return None if exc.status_code == 403 else exc

    async with answering_with(403, 403, None, 403, 503) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        connections = []
        with pytest.raises(websockets.InvalidStatusCode) as raised:
            async for ws in websockets.connect(uri, process_exception=process_exception):
                connections.append(ws)
        assert raised.value.status_code == 503
    assert failures == [403, 403, 403, 503]
    assert len(connections) == 1


@pytest.mark.parametrize("how", ["returns", "raises"])
async def test_a_program_says_what_is_raised_instead(how):
    class Mine(Exception):
        pass

    def process_exception(exc):
        if how == "raises":
            raise Mine
        return Mine()

    async with answering_with(403) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        with pytest.raises(Mine) as raised:
            async for _ in websockets.connect(uri, process_exception=process_exception):
                pass
        assert isinstance(raised.value.__cause__, websockets.InvalidStatusCode)


async def test_a_program_says_how_long_to_wait(no_delays):
    made = []

    def reconnect_delays():
        made.append(True)
        return iter([7, 8])

    async with answering_with(503, None, 503, 503, 503) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        with pytest.raises(websockets.InvalidStatusCode):
            async for _ in websockets.connect(uri, reconnect_delays=reconnect_delays):
                pass
    # Each series of failures has delays of its own, and ends with them.
    assert [delay for delay in no_delays if delay] == [7, 7, 8]
    assert len(made) == 2


async def test_a_subclass_says_how_long_to_wait(no_delays):
    class Patient(websockets.connect):
        BACKOFF_INITIAL = 0
        BACKOFF_MIN = 10
        BACKOFF_MAX = 30
        BACKOFF_FACTOR = 2

    async with answering_with(*[503] * 5, 403) as server:
        uri = f"ws://127.0.0.1:{port_of(server)}"
        with pytest.raises(websockets.InvalidStatusCode):
            async for _ in Patient(uri):
                pass
    assert [delay for delay in no_delays if delay] == [10, 20, 30, 30]


async def test_what_was_wrong_is_logged(no_delays, caplog):
    caplog.set_level("INFO", "websockets.client")
    async with answering_with(503, None) as server:
        iterator = websockets.connect(
            f"ws://127.0.0.1:{port_of(server)}", reconnect_delays=lambda: iter([7])
        ).__aiter__()
        assert (await iterator.__anext__()).open
        await iterator.aclose()
    [message] = [r.getMessage() for r in caplog.records if r.name == "websockets.client"]
    assert message.startswith("connect failed; reconnecting in 7.0 seconds: ")
    assert message.endswith("server rejected WebSocket connection: HTTP 503")
