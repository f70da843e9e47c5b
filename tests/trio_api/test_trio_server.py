"""
A server on trio as an object: what it tells, how it closes, and what it leaves.
"""

import contextlib
import functools

import pytest
from on_trio import (
    REQUEST,
    BaseExceptionGroup,
    Handing,
    Started,
    TrioPeer,
    connect,
    echo,
    hold,
    on_trio,
    port_of,
    serve,
    serving,
    tcp_to,
    trio,
    until,
    uri_of,
)
from todays import Records
from trio.testing import memory_stream_pair

from websockets.trio.server import Server, ServerConnection

BODY = b"Server is shutting down.\n"


@on_trio
async def test_what_a_server_tells():
    async with serving(echo) as server:
        assert isinstance(server, Server) and server.handler is echo
        async with connect(uri_of(server)) as ws:
            await ws.send("x")
            await ws.recv()
            [connection] = server.connections
            assert isinstance(connection, ServerConnection) and connection.server is server
            assert server.connections is not server.connections
        await server.aclose()
        assert not server.connections
        with pytest.raises(OSError):
            await trio.open_tcp_stream("127.0.0.1", ws.remote_address[1])


@on_trio
async def test_a_context_closes_a_server():
    async with trio.open_nursery() as nursery:
        server = await nursery.start(functools.partial(serve, hold, 0, host="127.0.0.1"))
        async with server as entered:
            assert entered is server
            async with connect(uri_of(server)):
                pass
        # The nursery is left: serve() has returned.


@on_trio
async def test_a_handshake_that_waits_for_the_program_is_refused():
    started = trio.Event()

    async def process_request(connection, request):
        started.set()
        await trio.sleep_forever()

    async with serving(hold, process_request=process_request) as server:
        async with await tcp_to(port_of(server)) as peer:
            await peer.write(REQUEST + b"\r\n")
            await started.wait()
            closing = Started(server.aclose())
            assert (await peer.read_head()).startswith(b"HTTP/1.1 503")
            assert await peer.read_eof() == BODY
        await closing


@on_trio
async def test_a_client_that_is_accepted_while_the_server_closes():
    async with serving(hold) as server:
        peer = await tcp_to(port_of(server))  # Nobody has seen it yet.
        closing = Started(server.aclose())
        with contextlib.suppress(trio.BrokenResourceError, EOFError):
            assert (await peer.read_head()).startswith(b"HTTP/1.1 503")
        await peer.close()
        with trio.fail_after(5):
            await closing


@on_trio
async def test_clients_that_are_accepted_at_that_moment():
    for _ in range(20):
        listener = Handing()
        async with trio.open_nursery() as nursery:
            server = await nursery.start(functools.partial(serve, hold, listeners=[listener]))
            ours, theirs = memory_stream_pair()
            peer = TrioPeer(theirs, masked=True)
            listener.hand.send_nowait(ours)
            await trio.lowlevel.checkpoint()
            closing = [Started(server.aclose()), Started(server.aclose())]
            if await listener.leave():
                assert (await peer.read_head()).startswith(b"HTTP/1.1 503")
            await peer.close()
            with trio.fail_after(5):
                for task in closing:
                    await task


@on_trio
async def test_a_handshake_that_fails_by_itself():
    class Failing(ServerConnection):
        async def handshake(self, *args):
            raise KeyError

    records = Records()
    async with serving(hold, logger=records.logger, create_connection=Failing) as server:
        async with await tcp_to(port_of(server)) as peer:
            assert await peer.read_eof() == b""
        await until(lambda: not server.all_connections)
    assert "ERROR opening handshake failed" in records.lines


@on_trio
async def test_a_server_that_never_ran():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(listeners, hold)
    await server.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await listeners[0].accept()


@pytest.mark.parametrize(
    "options, text",
    [
        ({}, "port is required when listeners is not provided"),
        ({"port": 0, "listeners": []}, "port is incompatible with listeners"),
        ({"host": "localhost", "listeners": []}, "host is incompatible with listeners"),
        ({"backlog": 1, "listeners": []}, "backlog is incompatible with listeners"),
    ],
)
@on_trio
async def test_where_a_server_listens(options, text):
    with pytest.raises(ValueError) as raised:
        await serve(hold, **options)
    assert str(raised.value) == text


@on_trio
async def test_a_port_that_is_taken():
    async with serving(hold) as server:
        with pytest.raises(OSError):
            await serve(hold, port_of(server), host="127.0.0.1")


@pytest.mark.parametrize("exc", [SystemExit(3), KeyboardInterrupt("on purpose")], ids=repr)
@pytest.mark.parametrize("place", ["handler", "process_request", "create_connection"])
def test_what_ends_a_program_comes_out_and_leaves_no_connection(place, exc):
    def fail(*args, **kwargs):
        raise exc

    async def fail_later(*args, **kwargs):
        await trio.sleep(0)
        raise exc

    options = {"handler": hold, place: fail if place == "create_connection" else fail_later}

    async def talk(server):
        async with await tcp_to(port_of(server)) as peer:
            await peer.write(REQUEST + b"\r\n")
            ended.append(await peer.read_eof())

    async def main():
        with trio.fail_after(10):
            async with trio.open_nursery() as outside:
                try:
                    async with trio.open_nursery() as nursery:
                        listening = functools.partial(serve, port=0, host="127.0.0.1", **options)
                        outside.start_soon(talk, await nursery.start(listening))
                except BaseExceptionGroup as group:
                    seen.append(group)

    seen, ended = [], []
    trio.run(main)
    while hasattr(seen[0], "exceptions"):
        [seen[0]] = seen[0].exceptions
    assert seen == [exc] and len(ended) == 1


@on_trio
async def test_several_listeners():
    listeners = [
        listener
        for _ in range(2)
        for listener in await trio.open_tcp_listeners(0, host="127.0.0.1")
    ]
    async with serving(echo, listeners=listeners) as server:
        for listener in server.listeners:
            port = listener.socket.getsockname()[1]
            async with connect(f"ws://127.0.0.1:{port}") as ws:
                await ws.send("x")
                assert await ws.recv() == "x"
