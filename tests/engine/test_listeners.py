"""
Accepting connections: by the library itself, and by event loops, which is the same to a program.
"""

import asyncio
import contextlib
import contextvars
import errno
import os
import resource
import selectors
import socket

import pytest
from links import (
    address_of,
    both_transports,
    called,
    is_free,
    is_link,
    links_only,
    open_by,
    read,
    read_all,
    told,
    unlike_uvloop,
)
from peer import TEXT, echo, frame, needs_unix, turns, until, uri_of

import websockets

pytestmark = needs_unix

OPTIONS = {"ping_interval": None, "compression": None, "close_timeout": 0.2}


@both_transports
async def test_a_server_tells_whether_it_serves(reactor):
    server = await websockets.serve(echo, "127.0.0.1", 0, reactor=reactor)
    assert server.is_serving()
    [sock] = server.sockets
    number = sock.fileno()
    assert sock.getsockname()[1] > 0
    server.close()
    assert not server.is_serving()
    await server.wait_closed()
    await turns()
    assert is_free(number)
    assert not server.sockets


@both_transports
async def test_nobody_is_accepted_after_the_end(reactor):
    server = await websockets.serve(
        echo, "127.0.0.1", 0, reactor=reactor, open_timeout=0.2, **OPTIONS
    )
    address = address_of(server)
    waiting = [called(address) for _ in range(5)]
    server.close()
    await server.wait_closed()
    await turns()
    with pytest.raises(ConnectionRefusedError):
        called(address)
    for sock in waiting:
        with sock, contextlib.suppress(ConnectionResetError):
            assert not (await read_all(sock)).startswith(b"HTTP/1.1 101")


@both_transports
async def test_a_port_can_be_used_again_at_once(reactor):
    port = 0
    for _ in range(3):
        async with websockets.serve(echo, "127.0.0.1", port, reactor=reactor) as server:
            port = address_of(server)[1]
            async with websockets.connect(uri_of(server)) as ws:
                await ws.send("x")
                assert await ws.recv() == "x"


@both_transports
async def test_serving_starts_later(reactor):
    server = await websockets.serve(
        echo, "127.0.0.1", 0, reactor=reactor, start_serving=False, **OPTIONS
    )
    assert not server.is_serving()
    await server.start_serving()
    await server.start_serving()
    assert server.is_serving()
    with called(address_of(server)) as sock:
        await open_by(sock)
    server.close()
    await server.wait_closed()


@both_transports
async def test_serving_for_ever(reactor):
    server = await websockets.serve(echo, "127.0.0.1", 0, reactor=reactor, start_serving=False)
    task = asyncio.ensure_future(server.serve_forever())
    await turns()
    assert server.is_serving()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not server.is_serving()
    await server.wait_closed()


@both_transports
async def test_all_addresses_of_a_host_are_served(reactor):
    async with websockets.serve(echo, "localhost", 0, reactor=reactor, **OPTIONS) as server:
        for listening in server.sockets:
            with called(listening.getsockname(), listening.family) as sock:
                await open_by(sock)
                sock.send(frame(TEXT, b"x", masked=True))
                assert await read(sock, 3) == frame(TEXT, b"x")


@both_transports
async def test_a_socket_of_the_programs_is_served_and_closed(reactor):
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    async with websockets.serve(echo, sock=listening, reactor=reactor, **OPTIONS) as server:
        with called(listening.getsockname()) as sock:
            await open_by(sock)
        assert address_of(server) == listening.getsockname()
    await turns()
    listening.close()


@both_transports
async def test_who_is_accepted_is_nobody_elses(reactor):
    """Children don't inherit them, and small writes leave at once."""
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(ws.transport.get_extra_info("socket"))
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, reactor=reactor, **OPTIONS) as server:
        with called(address_of(server)) as sock:
            await open_by(sock)
            ours = await opened.get()
            assert not os.get_inheritable(ours.fileno())
            assert not os.get_blocking(ours.fileno())
            assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@both_transports
async def test_many_who_come_at_once(reactor):
    count = 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 3000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3000 if hard < 0 else min(hard, 3000), hard))
    opened = []

    async def handler(ws):
        opened.append(ws)
        async for message in ws:
            await ws.send(message)

    options = {**OPTIONS, "open_timeout": 50}
    async with websockets.serve(
        handler, "127.0.0.1", 0, backlog=2048, reactor=reactor, **options
    ) as server:
        socks = [called(address_of(server)) for _ in range(count)]
        for sock in socks:
            await open_by(sock)
        await until(lambda: len(opened) == count)
        for number, sock in enumerate(socks):
            sock.send(frame(TEXT, b"%03d" % number, masked=True))
        for number, sock in enumerate(socks):
            expected = frame(TEXT, b"%03d" % number)
            assert await read(sock, len(expected)) == expected
        for ws in opened:
            ws.transport.abort()
        for sock in socks:
            sock.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# Contexts


@both_transports
async def test_handlers_have_the_context_of_their_server(reactor):
    name = contextvars.ContextVar("name", default="nobody")
    seen = []

    async def handler(ws):
        seen.append(name.get())
        await ws.recv()
        seen.append(name.get())
        name.set("the handler's")

    async def start(which):
        name.set(which)
        return await websockets.serve(handler, "127.0.0.1", 0, reactor=reactor, **OPTIONS)

    servers = {which: await asyncio.ensure_future(start(which)) for which in ("first", "second")}
    name.set("the test's")
    for _ in range(2):
        for which, server in servers.items():
            async with websockets.connect(uri_of(server)) as ws:
                await ws.send("x")
                await ws.wait_closed()
            assert seen == [which, which]
            seen.clear()
    for server in servers.values():
        server.close()
        await server.wait_closed()


@both_transports
@pytest.mark.parametrize("where", ["__init__", "connection_made"])
async def test_what_one_connection_sets_is_not_seen_by_another(reactor, where):
    unlike_uvloop(reactor)
    name = contextvars.ContextVar("name", default="nobody")
    seen = []

    def method(self, *args, **kwargs):
        getattr(websockets.WebSocketServerProtocol, where)(self, *args, **kwargs)
        seen.append(name.get())
        name.set("another connection's")

    kind = type("Setting", (websockets.WebSocketServerProtocol,), {where: method})
    async with websockets.serve(
        echo, "127.0.0.1", 0, reactor=reactor, create_protocol=kind
    ) as server:
        for _ in range(3):
            async with websockets.connect(uri_of(server)):
                pass
    assert seen == ["nobody"] * 3


# What goes wrong


@both_transports
async def test_a_factory_that_raises(reactor):
    made = []

    def factory(*args, **kwargs):
        made.append(1)
        if len(made) == 1:
            raise ValueError("the factory's")
        return websockets.WebSocketServerProtocol(*args, **kwargs)

    async with websockets.serve(
        echo, "127.0.0.1", 0, reactor=reactor, create_protocol=factory, **OPTIONS
    ) as server:
        with told() as contexts:
            with called(address_of(server)) as sock:
                with contextlib.suppress(ConnectionResetError):
                    assert await read_all(sock) == b""
            assert len(contexts) <= 1
        with called(address_of(server)) as sock:
            await open_by(sock)


class Counting(selectors.DefaultSelector):
    """A selector that counts how often it is asked."""

    count = 0

    def select(self, timeout=None):
        self.count += 1
        return super().select(timeout)


@contextlib.contextmanager
def no_descriptors():
    """Let nothing be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)


@links_only
def test_no_room_for_connections():
    selector = Counting()
    loop = asyncio.SelectorEventLoop(selector)

    async def main():
        async with websockets.serve(echo, "127.0.0.1", 0, **OPTIONS) as server:
            with called(address_of(server)) as before:
                await open_by(before)
                socks = [called(address_of(server)) for _ in range(5)]
                with told() as contexts:
                    with no_descriptors():
                        await until(lambda: contexts)
                        start = selector.count
                        await turns(100)
                        assert selector.count - start < 110
                        # Who is there already is served.
                        before.send(frame(TEXT, b"x", masked=True))
                        assert await read(before, 3) == frame(TEXT, b"x")
                    start = selector.count
                    await open_by(socks[0])
                    assert selector.count - start < 60
                for sock in socks[1:]:
                    await open_by(sock)
                for sock in socks:
                    sock.close()
                assert [context["exception"].errno for context in contexts] == [errno.EMFILE]
                assert server.is_serving()

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


@links_only
async def test_a_server_is_closed_while_it_has_no_room():
    async with websockets.serve(echo, "127.0.0.1", 0, **OPTIONS) as server:
        sock = called(address_of(server))
        with told() as contexts:
            with no_descriptors():
                await until(lambda: contexts)
            server.close()
            await server.wait_closed()
        with sock, contextlib.suppress(ConnectionResetError):
            assert await read_all(sock) == b""
    assert len(contexts) == 1


@links_only
async def test_a_listening_socket_that_is_shut_down():
    """Nobody can be accepted by it any more: that is told once."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    async with websockets.serve(echo, sock=listening, **OPTIONS):
        with told() as contexts:
            listening.shutdown(socket.SHUT_RDWR)
            await until(lambda: contexts)
            await turns(50)
            assert len(contexts) == 1
    listening.close()


@links_only
async def test_clients_and_servers_have_links():
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(is_link(ws.transport))

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)):
            assert await opened.get()


@links_only
def test_an_interrupt_while_it_is_told_that_there_is_no_room():
    """It comes from the event loop's handler, or from a signal handler in the middle of that."""
    loop = asyncio.SelectorEventLoop()
    raised = []

    def interrupt(loop, context):
        raised.append(context["exception"].errno)
        raise KeyboardInterrupt

    async def accept(sock):
        await open_by(sock)
        sock.close()
        server.close()
        await server.wait_closed()

    async def serve():
        return await websockets.serve(echo, "127.0.0.1", 0, **OPTIONS)

    try:
        server = loop.run_until_complete(serve())
        sock = called(address_of(server))
        loop.set_exception_handler(interrupt)
        with no_descriptors(), pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(asyncio.sleep(10))
        loop.set_exception_handler(None)
        loop.run_until_complete(asyncio.wait_for(accept(sock), 5))
        assert raised == [errno.EMFILE]
    finally:
        loop.close()
