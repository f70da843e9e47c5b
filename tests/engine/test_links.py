"""
What asyncio documents of transports, of the library's own and of event loops' alike.
"""

import array
import asyncio
import contextlib
import gc
import os
import socket
import sys
import warnings
import weakref

import pytest
from links import (
    LINKS,
    Recorder,
    address_of,
    both_transports,
    called,
    driven,
    is_link,
    links_only,
    open_by,
    read,
    read_all,
    reset,
    server_end,
    unlike_newer_asyncio,
    unlike_uvloop,
)
from peer import TEXT, echo, frame, needs_unix, turns, until, uri_of

import websockets

MUCH = b"0123456789abcdef" * 500_000  # more than two sockets hold

pytestmark = needs_unix


# Which transports


@links_only
async def test_both_ends_have_links():
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(ws.transport)
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server)) as client:
            assert is_link(client.transport)
            assert is_link(await opened.get())


@contextlib.contextmanager
def variable(monkeypatch, value):
    monkeypatch.setenv("WEBSOCKETS_NO_REACTOR", value)
    yield
    monkeypatch.undo()


async def kinds(**options):
    """Return whether the client and the server have links."""
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait(is_link(ws.transport))

    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        async with websockets.connect(uri_of(server), **options) as client:
            return [is_link(client.transport), await opened.get()]


@links_only
async def test_arguments_of_none_are_as_good_as_left_out():
    async with websockets.serve(lambda ws: ws.wait_closed(), "127.0.0.1", 0) as server:
        nothing = {"ssl": None, "sock": None, "local_addr": None, "server_hostname": None}
        async with websockets.connect(uri_of(server), **nothing) as client:
            assert is_link(client.transport)


async def test_an_argument_turns_links_off():
    assert await kinds(reactor=False) == [False, False]


@pytest.mark.parametrize("value, links", [("1", False), ("0", LINKS), ("", LINKS)])
async def test_a_variable_turns_links_off(monkeypatch, value, links):
    monkeypatch.setenv("WEBSOCKETS_NO_REACTOR", value)
    # The rest of the suite may run without links.
    assert await kinds() == [links, links]


async def test_debug_mode_has_the_transports_of_the_loop():
    await kinds()  # though there is a reactor already
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    try:
        assert await kinds() == [False, False]
    finally:
        loop.set_debug(False)


async def test_a_loop_that_runs_inside_of_itself_has_its_own_transports(monkeypatch):
    """As nest_asyncio makes them: one callback for all sockets couldn't be called inside itself."""
    monkeypatch.setattr(asyncio.get_running_loop(), "_nest_patched", True, raising=False)
    assert await kinds() == [False, False]


class OwnLoop(asyncio.SelectorEventLoop):
    """A loop that may do anything."""


@pytest.mark.one_backend
def test_unknown_loops_have_their_own_transports():
    loop = OwnLoop()
    try:
        assert loop.run_until_complete(kinds()) == [False, False]
    finally:
        loop.close()


async def test_a_socket_that_the_program_gives_is_the_loops():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), sock=called(address_of(server))) as ws:
            assert not is_link(ws.transport)


# What they are


@both_transports
async def test_it_is_a_transport(reactor):
    unlike_uvloop(reactor)
    async with server_end(reactor) as (ws, _):
        transport = ws.transport
        assert isinstance(transport, asyncio.Transport)
        assert isinstance(transport, asyncio.BaseTransport)
        assert {transport: 1}[transport] == 1
        assert isinstance(repr(transport), str)


@both_transports
async def test_a_transport_can_be_referred_to_weakly(reactor):
    async with server_end(reactor) as (ws, _):
        assert weakref.ref(ws.transport)() is ws.transport


@both_transports
async def test_a_transport_is_let_go_when_it_is_over(reactor):
    async with server_end(reactor) as (ws, _):
        transport = ws.transport
    await turns()
    assert transport.get_protocol() is None or transport.get_protocol() is ws


# The protocol


@both_transports
async def test_another_protocol_gets_what_comes(reactor):
    async with server_end(reactor) as (ws, sock):
        transport = ws.transport
        assert transport.get_protocol() is ws
        other = Recorder(ws)
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        sock.send(b"not a frame")
        await until(lambda: other.data == b"not a frame")
        transport.set_protocol(ws)
        sock.send(frame(TEXT, b"a frame", masked=True))
        assert await ws.recv() == "a frame"


class Buffered(asyncio.BufferedProtocol):
    """A protocol with a buffer of its own, of 5 bytes."""

    def __init__(self, connection, lost):
        self.connection = connection
        self.lost = lost
        self.data = b""
        self.eof = False
        self.space = bytearray(5)

    def get_buffer(self, hint):
        return self.space

    def buffer_updated(self, size):
        assert 0 < size <= 5
        self.data += self.space[:size]

    def eof_received(self):
        self.eof = True

    def connection_lost(self, exc):
        self.lost.set_result(exc)
        self.connection.connection_lost(exc)


@both_transports
async def test_a_protocol_may_have_a_buffer_of_its_own(reactor):
    async with server_end(reactor) as (ws, sock):
        lost = asyncio.get_running_loop().create_future()
        protocol = Buffered(ws, lost)
        ws.transport.set_protocol(protocol)
        sock.send(b"0123456789abc")
        await until(lambda: protocol.data == b"0123456789abc")
        sock.shutdown(socket.SHUT_WR)
        assert await lost is None
        assert protocol.eof


@both_transports
async def test_a_protocol_may_be_replaced_while_it_gets_bytes(reactor):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        second = Recorder(recorder)

        def data_received(data):
            recorder.data += data
            transport.set_protocol(second)

        recorder.data_received = data_received
        sock.send(b"first")
        await until(lambda: recorder.data)
        sock.send(b"second")
        await until(lambda: second.data)
        assert [bytes(recorder.data), bytes(second.data)] == [b"first", b"second"]


# Writing


@both_transports
@pytest.mark.parametrize(
    "data",
    [
        b"some bytes",
        bytearray(b"some bytes"),
        memoryview(b"some bytes"),
        memoryview(b"-some bytes-")[1:-1],
        memoryview(array.array("H", [1, 2, 3])),
    ],
    ids=["bytes", "bytearray", "memoryview", "part", "numbers"],
)
async def test_everything_with_bytes_can_be_written(reactor, data):
    async with driven(reactor) as (transport, _, sock):
        transport.write(data)
        assert await read(sock, len(bytes(data))) == bytes(data)


@both_transports
async def test_a_buffer_may_be_used_again_once_it_is_written(reactor):
    unlike_newer_asyncio(reactor)
    async with driven(reactor) as (transport, _, sock):
        transport.write(MUCH)
        assert transport.get_write_buffer_size() > 0
        data = bytearray(b"as it was")
        transport.write(data)
        data[:] = b"different"
        assert (await read(sock, len(MUCH) + 9))[-9:] == b"as it was"


@both_transports
@pytest.mark.parametrize("data", ["text", None, 5, [b"bytes"], object()])
async def test_nothing_else_can_be_written(reactor, data):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        with pytest.raises(TypeError):
            transport.write(data)
        transport.write(b"ok")
        assert await read(sock, 2) == b"ok"
        assert not transport.is_closing()


@both_transports
async def test_lines_are_written_in_order(reactor):
    async with driven(reactor) as (transport, _, sock):
        transport.writelines([b"one ", bytearray(b"two "), memoryview(b"three ")])
        transport.writelines([])
        transport.writelines(iter([b"four"]))
        transport.writelines([b"%d," % i for i in range(1000)])
        expected = b"one two three four" + b"".join(b"%d," % i for i in range(1000))
        assert await read(sock, len(expected)) == expected


@both_transports
@pytest.mark.parametrize("pieces", [["text"], [b"bytes", 1], 5])
async def test_lines_of_something_else(reactor, pieces):
    async with driven(reactor) as (transport, _, _):
        with pytest.raises(TypeError):
            transport.writelines(pieces)


@both_transports
async def test_writing_nothing(reactor):
    async with driven(reactor) as (transport, _, sock):
        transport.write(b"")
        transport.write(bytearray())
        assert transport.get_write_buffer_size() == 0
        transport.write(b"x")
        assert await read(sock, 1) == b"x"


@both_transports
async def test_what_waits_is_sent_in_order_and_counted(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        waiting = transport.get_write_buffer_size()
        assert 0 < waiting <= len(MUCH)
        for i in range(200):
            transport.write(b"%03d" % i)
        assert transport.get_write_buffer_size() == waiting + 600
        expected = MUCH + b"".join(b"%03d" % i for i in range(200))
        assert await read(sock, len(expected)) == expected
        await until(lambda: transport.get_write_buffer_size() == 0)
        assert recorder.calls == ["pause_writing", "resume_writing"]


@both_transports
async def test_limits_of_the_buffer(reactor):
    async with driven(reactor) as (transport, _, _):
        transport.set_write_buffer_limits()
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        transport.set_write_buffer_limits(low=1000)
        assert transport.get_write_buffer_limits() == (1000, 4000)
        transport.set_write_buffer_limits(high=30, low=20)
        assert transport.get_write_buffer_limits() == (20, 30)
        transport.set_write_buffer_limits(high=0)
        assert transport.get_write_buffer_limits() == (0, 0)


@both_transports
@pytest.mark.parametrize("limits", [(10, 11), (-1, None), (10, -1), (None, -1)])
async def test_limits_that_cannot_be(reactor, limits):
    high, low = limits
    async with driven(reactor) as (transport, _, _):
        before = transport.get_write_buffer_limits()
        with pytest.raises(ValueError):
            transport.set_write_buffer_limits(high=high, low=low)
        assert transport.get_write_buffer_limits() == before


@both_transports
async def test_writing_pauses_above_the_high_limit_and_goes_on_at_the_low(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.set_write_buffer_limits(high=len(MUCH), low=0)
        transport.write(MUCH)
        transport.write(b"x" * 100)
        assert recorder.calls == []
        room = len(MUCH) - transport.get_write_buffer_size()
        transport.write(b"x" * room)
        assert recorder.calls == []
        transport.write(b"x")
        assert recorder.calls == ["pause_writing"]
        transport.write(b"x")
        assert recorder.calls == ["pause_writing"]
        sizes = []
        recorder.resume_writing = lambda: sizes.append(transport.get_write_buffer_size())
        await read(sock, len(MUCH) + 100 + room + 2)
        await until(lambda: sizes)
        assert sizes == [0]


@both_transports
async def test_no_limit(reactor):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, _):
        transport.set_write_buffer_limits(high=sys.maxsize)
        transport.write(MUCH)
        assert recorder.calls == []


@both_transports
async def test_a_transport_whose_writing_is_replaced(reactor):
    async with server_end(reactor) as (ws, sock):
        written, write = [], ws.transport.write
        try:
            ws.transport.write = written.append
        except AttributeError:
            pytest.skip("the loop's transports have no such attributes")
        await ws.send("by another way")
        await turns()
        assert b"".join(written) == frame(TEXT, b"by another way")
        ws.transport.write = write
        await ws.send("by the socket")
        assert await read(sock, 15) == frame(TEXT, b"by the socket")


@both_transports
async def test_a_transport_with_an_attribute_of_the_programs(reactor):
    async with server_end(reactor) as (ws, sock):
        try:
            ws.transport.note = 1
        except AttributeError:
            pytest.skip("the loop's transports have no such attributes")
        await ws.send("x")
        assert await read(sock, 3) == frame(TEXT, b"x")
        assert ws.transport.note == 1


# The end of writing


@both_transports
async def test_our_side_can_end_alone(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        assert transport.can_write_eof() is True
        transport.write(b"the last")
        transport.write_eof()
        assert await read_all(sock) == b"the last"
        assert not transport.is_closing()
        sock.send(b"from the peer")
        await until(lambda: recorder.data == b"from the peer")
        transport.write_eof()  # again


@both_transports
async def test_our_side_ends_behind_what_waits(reactor):
    async with driven(reactor) as (transport, _, sock):
        transport.write(MUCH)
        transport.write_eof()
        assert transport.get_write_buffer_size() > 0
        assert await read_all(sock) == MUCH


@both_transports
async def test_nothing_is_written_behind_the_end(reactor):
    async with driven(reactor) as (transport, _, sock):
        transport.write_eof()
        with pytest.raises(RuntimeError):
            transport.write(b"x")
        with pytest.raises(RuntimeError):
            transport.writelines([b"x"])
        assert await read_all(sock) == b""


@both_transports
async def test_closing_behind_the_end_of_writing(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.write_eof()
        transport.close()
        assert await read_all(sock) == MUCH
        assert await recorder.lost is None


# The end


@both_transports
async def test_closing_sends_what_waits(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.close()
        assert transport.is_closing()
        await turns()
        assert not recorder.lost.done()
        assert await read_all(sock) == MUCH
        assert await recorder.lost is None
        assert recorder.calls[-1] == "connection_lost"


@both_transports
async def test_closing_tells_when_the_loop_turns_and_once(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        transport.close()
        transport.abort()
        assert recorder.calls == []
        assert await recorder.lost is None
        assert await read_all(sock) == b""
        transport.close()
        transport.abort()
        await turns()
        assert recorder.calls == ["connection_lost"]
        assert transport.is_closing()


@both_transports
async def test_a_transport_that_closes_reads_nothing(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.close()
        sock.send(b"too late")
        await turns()
        assert not recorder.data
        assert not transport.is_reading()


@both_transports
async def test_aborting_drops_what_waits(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.abort()
        assert transport.is_closing()
        assert await recorder.lost is None
        with contextlib.suppress(ConnectionResetError):
            assert len(await read_all(sock)) < len(MUCH)


@both_transports
async def test_aborting_while_it_closes(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.close()
        await turns()
        transport.abort()
        assert await recorder.lost is None


@both_transports
@pytest.mark.parametrize("end", ["close", "abort"])
async def test_writing_after_the_end_is_ignored(reactor, end):
    unlike_newer_asyncio(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        getattr(transport, end)()
        transport.write(b"x")
        transport.writelines([b"x"])
        await recorder.lost
        transport.write(b"x")
        transport.writelines([b"x"])
        assert await read_all(sock) == b""


@both_transports
@pytest.mark.parametrize("data", ["text", None])
async def test_wrong_types_after_the_end(reactor, data):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        transport.close()
        await recorder.lost
        with pytest.raises(TypeError):
            transport.write(data)


@both_transports
async def test_all_that_can_be_asked_after_the_end(reactor):
    unlike_uvloop(reactor)
    async with driven(reactor) as (transport, recorder, sock):
        transport.close()
        await recorder.lost
        await turns()
        assert transport.is_closing()
        assert not transport.is_reading()
        assert transport.get_write_buffer_size() == 0
        transport.pause_reading()
        transport.resume_reading()
        with contextlib.suppress(AttributeError):  # of event loops that have none any more
            transport.set_write_buffer_limits(high=10)
            transport.write_eof()
        assert isinstance(repr(transport), str)


@both_transports
async def test_the_peer_ends_its_side(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        sock.send(b"the last")
        sock.shutdown(socket.SHUT_WR)
        assert await recorder.lost is None
        assert recorder.data == b"the last"
        assert recorder.calls == ["eof_received", "connection_lost"]
        assert await read_all(sock) == b""


@both_transports
async def test_a_protocol_may_go_on_when_the_peer_ends_its_side(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        recorder.keeps_open = True
        sock.shutdown(socket.SHUT_WR)
        await until(lambda: recorder.calls)
        transport.write(MUCH)
        assert await read(sock, len(MUCH)) == MUCH
        await turns()
        assert recorder.calls == ["eof_received", "pause_writing", "resume_writing"]
        transport.close()
        assert await read_all(sock) == b""


@both_transports
async def test_a_reset_by_the_peer(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        reset(sock)
        assert isinstance(await recorder.lost, ConnectionResetError)
        assert transport.is_closing()


@both_transports
async def test_a_reset_while_much_waits(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        reset(sock)
        assert isinstance(await recorder.lost, ConnectionError)
        assert transport.get_write_buffer_size() == 0


@both_transports
async def test_a_reset_while_it_closes(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.write(MUCH)
        transport.close()
        reset(sock)
        await recorder.lost


# Reading


@both_transports
async def test_reading_pauses_and_goes_on(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        assert transport.is_reading()
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        sock.send(b"later")
        await turns()
        assert not recorder.data
        transport.write(b"this way is open")
        assert await read(sock, 16) == b"this way is open"
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        await until(lambda: recorder.data == b"later")


@both_transports
async def test_reading_pauses_while_much_is_written(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        transport.pause_reading()
        sock.send(b"later")
        transport.write(MUCH)
        assert await read(sock, len(MUCH)) == MUCH
        assert not recorder.data
        transport.resume_reading()
        await until(lambda: recorder.data == b"later")


@both_transports
async def test_reading_pauses_in_the_middle(reactor):
    async with driven(reactor) as (transport, recorder, sock):

        def data_received(data):
            recorder.data += data
            transport.pause_reading()

        recorder.data_received = data_received
        sock.send(b"first")
        await until(lambda: recorder.data)
        sock.send(b"second")
        await turns()
        assert recorder.data == b"first"
        transport.resume_reading()
        await until(lambda: recorder.data == b"firstsecond")


@both_transports
async def test_much_is_read_whole(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        await asyncio.get_running_loop().sock_sendall(sock, MUCH)
        await until(lambda: len(recorder.data) == len(MUCH))
        assert recorder.data == MUCH


# Where they are


@both_transports
async def test_addresses_of_ipv4(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        for _ in range(2):
            assert transport.get_extra_info("peername") == sock.getsockname()
            assert transport.get_extra_info("sockname") == sock.getpeername()
        here, there = sock.getpeername(), sock.getsockname()
        transport.close()
        await recorder.lost
        await turns()
        assert transport.get_extra_info("peername") == there
        assert transport.get_extra_info("sockname") == here


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6")
@both_transports
async def test_addresses_of_ipv6(reactor):
    where = {"family": socket.AF_INET6, "host": "::1"}
    async with driven(reactor, **where) as (transport, recorder, sock):
        assert transport.get_extra_info("peername") == sock.getsockname()
        assert transport.get_extra_info("sockname") == sock.getpeername()
        assert len(transport.get_extra_info("peername")) == 4


@both_transports
async def test_addresses_of_unix_sockets(reactor, tmp_path):
    path = str(tmp_path / "socket")
    async with driven(reactor, family=socket.AF_UNIX, path=path) as (transport, recorder, sock):
        for _ in range(2):
            assert transport.get_extra_info("sockname") == path
            assert transport.get_extra_info("peername") in ("", None)
            assert transport.get_extra_info("socket").getsockname() == path
        transport.close()
        await recorder.lost
        assert transport.get_extra_info("sockname") == path


def long_path(tmp_path, name, size=107):
    """Return a path that is as long as those of sockets may be."""
    # pytest's may be long already.
    start = f"/tmp/{os.getpid()}{name}"
    return start + "x" * (size - len(start))


LENGTHS = [20, 25, 26, 27, 28, 29, 100, 107]


@pytest.mark.skipif(sys.platform != "linux", reason="paths are as long as Linux's")
@both_transports
@pytest.mark.parametrize("size", LENGTHS)
async def test_paths_of_both_ends(reactor, size, tmp_path):
    ours, theirs = long_path(tmp_path, "a", size), long_path(tmp_path, "b", size)
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait((ws, ws.transport))
        await ws.wait_closed()

    try:
        async with websockets.unix_serve(handler, ours, reactor=reactor):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(theirs)
                sock.connect(ours)
                sock.setblocking(False)
                await open_by(sock)
                ws, transport = await opened.get()
                assert transport.get_extra_info("sockname") == ours
                assert transport.get_extra_info("peername") == theirs
                assert ws.remote_address == theirs
            await ws.wait_closed()
            assert transport.get_extra_info("peername") == theirs
            assert transport.get_extra_info("sockname") == ours
            async with websockets.unix_connect(ours, reactor=reactor) as client:
                assert client.transport.get_extra_info("peername") == ours
    finally:
        for path in (ours, theirs):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract names")
@both_transports
@pytest.mark.parametrize("size", [1, 10, 25, 26, 27, 60, 107])
async def test_abstract_names(reactor, size):
    name = b"\0" + (b"%d\xff" % os.getpid() * 100)[:size]
    opened = asyncio.Queue()

    async def handler(ws):
        opened.put_nowait((ws, ws.transport))
        await ws.wait_closed()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        async with websockets.unix_serve(handler, None, sock=listening, reactor=reactor):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(name)
                sock.setblocking(False)
                await open_by(sock)
                ws, transport = await opened.get()
                assert transport.get_extra_info("sockname") == name
            await ws.wait_closed()


@both_transports
async def test_what_nobody_knows_of_a_transport(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        for _ in range(2):
            assert transport.get_extra_info("sslcontext") is None
            assert transport.get_extra_info("unknown") is None
            assert transport.get_extra_info("unknown", "default") == "default"
            assert transport.get_extra_info("unknown", default=5) == 5
            transport.close()
            await recorder.lost


@both_transports
async def test_the_socket_can_be_asked_for_options(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        ours = transport.get_extra_info("socket")
        assert transport.get_extra_info("socket").fileno() == ours.fileno()
        assert ours.family == socket.AF_INET
        assert ours.type == socket.SOCK_STREAM
        assert ours.getpeername() == sock.getsockname()
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not os.get_inheritable(ours.fileno())
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        transport.write(b"still works")
        assert await read(sock, 11) == b"still works"
        sock.send(b"both ways")
        await until(lambda: recorder.data == b"both ways")


@both_transports
async def test_the_socket_does_not_block(reactor):
    async with driven(reactor) as (transport, _, _):
        assert transport.get_extra_info("socket").gettimeout() == 0


@both_transports
async def test_the_socket_that_was_asked_for_knows_that_it_is_closed(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        ours = transport.get_extra_info("socket")
        assert ours.fileno() >= 0
        transport.close()
        await recorder.lost
        await turns()
        assert ours.fileno() == -1
        assert transport.get_extra_info("socket").fileno() == -1


@both_transports
async def test_a_socket_that_is_asked_for_too_late(reactor):
    """asyncio keeps it, so that a program that asks in connection_lost() or later can go on."""
    async with driven(reactor) as (transport, recorder, sock):
        transport.close()
        seen = []
        recorder.lost.add_done_callback(lambda _: seen.append(transport.get_extra_info("socket")))
        await recorder.lost
        await turns()
        assert seen[0] is not None
        assert transport.get_extra_info("socket").fileno() == -1


@both_transports
async def test_the_socket_can_be_asked_for_in_connection_lost(reactor):
    async with driven(reactor) as (transport, recorder, sock):
        seen = []
        connection = recorder.connection

        class Asking:
            def connection_lost(self, exc):
                seen.append(transport.get_extra_info("socket").getsockname())
                connection.connection_lost(exc)

        recorder.connection = Asking()
        transport.close()
        await recorder.lost
        assert seen == [sock.getpeername()]


# A client's


@both_transports
async def test_a_client_has_addresses(reactor):
    unlike_uvloop(reactor)
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with websockets.connect(uri_of(server), reactor=reactor) as ws:
            assert is_link(ws.transport) is (reactor and LINKS)
            transport = ws.transport
            assert transport.get_extra_info("peername") == address_of(server)
            assert transport.get_extra_info("sockname") == ws.local_address
            assert isinstance(transport, asyncio.Transport)
        assert transport.is_closing()


@both_transports
async def test_a_client_whom_nobody_answers(reactor):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError) as error:
            await websockets.connect("ws://%s:%d" % sock.getsockname(), reactor=reactor)
        if isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
            assert "Connect call failed ('127.0.0.1'," in str(error.value)


@both_transports
async def test_a_client_of_a_path_that_is_not_there(reactor, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        await websockets.unix_connect(str(tmp_path / "nothing"), reactor=reactor)
    assert "No such file or directory" in str(error.value)


@both_transports
async def test_a_client_of_a_path_that_is_too_long(reactor):
    unlike_uvloop(reactor)
    with pytest.raises(OSError, match="too long"):
        await websockets.unix_connect("/tmp/" + "x" * 200, reactor=reactor)


@both_transports
async def test_a_client_of_a_path_that_is_an_object(reactor, tmp_path):
    async with websockets.unix_serve(echo, tmp_path / "socket", reactor=reactor):
        async with websockets.unix_connect(tmp_path / "socket", reactor=reactor) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"


@both_transports
async def test_a_client_that_is_cancelled_while_it_connects(reactor):
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        for count in range(8):
            task = asyncio.ensure_future(
                websockets.connect(uri_of(server), reactor=reactor, close_timeout=1).__aenter__()
            )
            await turns(count)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                await task.result().close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gc.collect()


# Subclasses


def seeing(kind, seen):
    class Seeing(kind):
        def data_received(self, data):
            seen.append(bytes(data))
            super().data_received(data)

    return Seeing


@both_transports
async def test_an_overridden_data_received_sees_all_bytes(reactor):
    at_server, at_client = [], []
    messages = ["x", "y" * 70_000, b"z" * 1_000_000, "x"]

    async def handler(ws):
        for message in messages:
            assert await ws.recv() == message
            await ws.send(message)

    options = {"reactor": reactor, "compression": None, "max_size": None}
    async with websockets.serve(
        handler,
        "127.0.0.1",
        0,
        create_protocol=seeing(websockets.WebSocketServerProtocol, at_server),
        **options,
    ) as server:
        async with websockets.connect(
            uri_of(server),
            create_protocol=seeing(websockets.WebSocketClientProtocol, at_client),
            **options,
        ) as ws:
            assert is_link(ws.transport) is (reactor and LINKS)
            for message in messages:
                await ws.send(message)
                assert await ws.recv() == message
            await ws.wait_closed()
    sizes = (2 + 1) * 2 + 10 + 70_000 + 10 + 1_000_000
    close = 2 + 2
    for seen, start, masks in [(at_server, b"GET / ", 4), (at_client, b"HTTP/1.1 101", 0)]:
        data = b"".join(seen)
        head, _, frames = data.partition(b"\r\n\r\n")
        assert head.startswith(start)
        assert len(frames) == sizes + close + 5 * masks
