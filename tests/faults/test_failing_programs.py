"""
A program's own code that fails in a server: whatever it raises, no connection stays behind, there
is one word in the log, and what is to end the program does.
"""

import asyncio
import contextlib
import gc
import logging
import weakref

import pytest
from peer import REQUEST, assert_serves, echo, hold, port_of, tcp_to, until, uri_of
from variants import LOOPS

import websockets
from websockets.asyncio.client import ClientConnection, connect

both_loops = pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)


class Outcome(BaseException):
    """Ends something, as outcomes of tests do."""


ENDS_PROGRAMS = [SystemExit(3), KeyboardInterrupt("on purpose")]
OTHERS = [Outcome("on purpose"), GeneratorExit("on purpose"), pytest.fail.Exception("on purpose")]
EXTENSION = b"Sec-WebSocket-Extensions: x-mine\r\nSec-WebSocket-Protocol: chat\r\n"


def raising(exc):
    """Make a function that raises an exception, whatever it is called with."""

    def fail(*args, **kwargs):
        raise exc

    return fail


def later(exc):
    """Make a coroutine function that does so after a while."""

    async def fail(*args, **kwargs):
        await asyncio.sleep(0)
        raise exc

    return fail


class Mine:
    """An extension that fails when it is negotiated."""

    name = "x-mine"

    def __init__(self, exc):
        self.process_request_params = raising(exc)


PLACES = {
    "handler": lambda exc: {"ws_handler": later(exc)},
    "function as handler": lambda exc: {"ws_handler": raising(exc)},
    "process_request": lambda exc: {"process_request": raising(exc)},
    "coroutine as process_request": lambda exc: {"process_request": later(exc)},
    "select_subprotocol": lambda exc: {
        "subprotocols": ["chat"],
        "select_subprotocol": raising(exc),
    },
    "extra_headers": lambda exc: {"extra_headers": raising(exc)},
    "extension": lambda exc: {"extensions": [Mine(exc)]},
    "check_credentials": lambda exc: {
        "create_protocol": websockets.basic_auth_protocol_factory(
            "realm", check_credentials=later(exc), create_protocol=Authenticating
        )
    },
}


class Noted(websockets.WebSocketServerProtocol):
    made = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.made.append(self)


class Authenticating(websockets.BasicAuthWebSocketServerProtocol, Noted):
    pass


async def what_a_client_sees(port):
    """Return the status line, and the first frame behind the head if there is one."""
    async with tcp_to(port) as peer:
        request = REQUEST + EXTENSION + b"Authorization: Basic dTpw\r\n\r\n"
        peer.write(request)
        line = (await peer.read_head()).split(b"\r\n")[0]
        if b" 101 " in line:
            closing = await peer.read_close()
            peer.send(8, b"\x03\xf3")
            await peer.read_eof()
            return line, closing
        await peer.read_eof()
        return line, None


def run_until_done(loop, coroutine):
    """Run a coroutine, again where something ends the loop; return that and the result."""
    task = loop.create_task(coroutine)
    ended = []
    while not task.done():
        try:
            loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as exc:
            ended.append(exc)
    return ended, task.result()


@both_loops
@pytest.mark.parametrize("exc", ENDS_PROGRAMS + OTHERS, ids=lambda exc: type(exc).__name__)
@pytest.mark.parametrize("place", PLACES)
def test_a_connection_does_not_outlive_its_program(place, exc, new_loop, caplog, monkeypatch):
    monkeypatch.setattr(Noted, "made", [])
    options = {"ws_handler": hold, "create_protocol": Noted, **PLACES[place](exc)}
    loop = new_loop()
    complaints = []
    loop.set_exception_handler(lambda loop, context: complaints.append(context))

    async def start():
        return await websockets.serve(host="127.0.0.1", port=0, **options)

    async def stop():
        assert not server.websockets
        server.close()
        await server.wait_closed()

    server = loop.run_until_complete(start())
    ended, (line, closing) = run_until_done(loop, what_a_client_sees(port_of(server)))
    if "handler" in place:
        assert (b" 101 " in line, closing) == (True, (1011, ""))
    else:
        assert b" 500 " in line
    [protocol] = Noted.made
    assert protocol.handler_task.exception() is exc
    assert ended == ([exc] if exc in ENDS_PROGRAMS else [])
    [record] = caplog.records
    assert record.levelno == logging.ERROR and record.name == "websockets.server"
    assert record.exc_info[1] is exc
    loop.run_until_complete(stop())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert not complaints


async def test_what_a_handler_raises_does_not_keep_its_connection(caplog):
    caplog.set_level(logging.CRITICAL, "websockets.server")  # A record keeps the traceback.
    gc.disable()
    try:
        seen = []

        async def handler(ws, path):
            seen.append((weakref.ref(ws), ws.handler_task))
            raise Outcome

        async with websockets.serve(handler, "127.0.0.1", 0) as server:
            await what_a_client_sees(port_of(server))
            [(ws, task)] = seen
            await asyncio.wait([task])
            assert type(task.exception()) is Outcome
            await until(lambda: ws() is None)
    finally:
        gc.enable()


def test_a_handler_that_is_thrown_away_with_its_loop_is_no_error(caplog):
    loop = asyncio.new_event_loop()

    async def start():
        server = await websockets.serve(hold, "127.0.0.1", 0)
        ws = await websockets.connect(uri_of(server))
        await until(lambda: server.connections)
        return server, ws

    async def stop():
        for transport in (protocol.transport, ws.transport):
            transport.abort()
        protocol.handler_task.cancel()
        await asyncio.wait([protocol.handler_task])
        server.close()
        await server.wait_closed()

    server, ws = loop.run_until_complete(start())
    [protocol] = server.connections
    # What becomes of it when the last reference to it goes.
    protocol.handler_task.get_coro().close()
    assert not caplog.records
    loop.run_until_complete(stop())
    assert isinstance(protocol.handler_task.exception(), RuntimeError)
    loop.close()


async def test_a_close_that_fails_ends_the_connection(caplog):
    class Failing(websockets.WebSocketServerProtocol):
        async def close(self, code=1000, reason=""):
            raise ZeroDivisionError("on purpose")

    async def handler(ws, path):
        pass

    async with websockets.serve(handler, "127.0.0.1", 0, create_protocol=Failing) as server:
        _, closing = await what_a_client_sees(port_of(server))
        assert closing == (1011, "")
        assert not server.websockets
    [record] = caplog.records
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_header_that_a_subclass_breaks_ends_the_connection(caplog):
    class Broken(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.server_header = 5

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Broken) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            assert await peer.read_eof() == b""
            await until(lambda: not server.websockets)
    assert {record.exc_info[0] for record in caplog.records} == {TypeError}


async def test_no_response_follows_the_one_that_opened_the_connection(caplog):
    class Broken(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.max_queue = -1

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Broken) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            assert b" 101 " in await peer.read_head()
            assert await peer.read_eof() == b""
            await until(lambda: not server.websockets)
    assert [record.exc_info[0] for record in caplog.records] == [ValueError]


# Factories


def before(exc):
    class Failing(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            raise exc

    return Failing


def after(exc):
    class Failing(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            raise exc

    return Failing


def without_a_limit(exc):
    class Failing(websockets.WebSocketServerProtocol):
        made = False

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.made = True

        @property
        def write_limit(self):
            if self.made:
                raise exc
            return 65536

        @write_limit.setter
        def write_limit(self, value):
            pass

    return Failing


FACTORIES = {
    "create_protocol": raising,
    "connection_made before ours": before,
    "connection_made after ours": after,
    "ours, by an attribute": without_a_limit,
}


@both_loops
@pytest.mark.parametrize(
    "exc", [ZeroDivisionError(), *ENDS_PROGRAMS, Outcome()], ids=lambda exc: type(exc).__name__
)
@pytest.mark.parametrize("where", FACTORIES)
@pytest.mark.parametrize("tls", [False, True], ids=["TCP", "TLS"])
def test_a_connection_that_cannot_be_made_is_ended(tls, where, exc, new_loop, caplog, certificates):
    failing = FACTORIES[where](exc)
    factories = [failing, websockets.WebSocketServerProtocol]
    loop = new_loop()
    options = {"ssl": certificates.server_context()} if tls else {}
    secure = {"ssl": certificates.client_context()} if tls else {}

    async def start():
        return await websockets.serve(
            hold,
            "127.0.0.1",
            0,
            create_protocol=lambda *args, **kwargs: factories.pop(0)(*args, **kwargs),
            **options,
        )

    async def ask():
        try:
            async with tcp_to(port_of(server), **secure) as peer:
                peer.write(REQUEST + b"\r\n")
                return await peer.read_eof()
        except ConnectionError:
            return b""

    async def stop():
        await until(lambda: not server.websockets)
        async with websockets.connect(
            uri_of(server).replace("ws", "wss" if tls else "ws"), **secure
        ):
            pass
        server.close()
        await server.wait_closed()

    server = loop.run_until_complete(start())
    ended, answer = run_until_done(loop, ask())
    assert answer == b""
    assert ended == ([exc] if exc in ENDS_PROGRAMS else [])
    assert [record.exc_info[1] for record in caplog.records] == [exc]
    loop.run_until_complete(stop())
    loop.close()


async def test_a_factory_that_makes_nothing_is_told(caplog):
    made = [None, object()]

    def factory(*args, **kwargs):
        return made.pop() if made else websockets.WebSocketServerProtocol(*args, **kwargs)

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=factory) as server:
        for _ in range(2):
            async with tcp_to(port_of(server)) as peer:
                assert await peer.read_eof() == b""
        async with websockets.connect(uri_of(server)):
            pass
    assert [record.exc_info[0] for record in caplog.records] == [TypeError] * 2
    assert all("create_protocol" in record.exc_text for record in caplog.records)


async def test_a_factory_may_make_protocols_that_are_not_ours():
    class Greeting(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"hello")
            transport.close()

    async with websockets.serve(
        hold, "127.0.0.1", 0, create_protocol=lambda *args, **kwargs: Greeting()
    ) as server:
        async with tcp_to(port_of(server)) as peer:
            assert await peer.read_eof() == b"hello"


def lost_before(exc):
    class Failing(websockets.WebSocketServerProtocol):
        def connection_lost(self, reason):
            raise exc

    return Failing


def lost_after(exc):
    class Failing(websockets.WebSocketServerProtocol):
        def connection_lost(self, reason):
            super().connection_lost(reason)
            raise exc

    return Failing


@both_loops
@pytest.mark.parametrize(
    "exc", [ZeroDivisionError(), *ENDS_PROGRAMS, Outcome()], ids=lambda exc: type(exc).__name__
)
@pytest.mark.parametrize("failing", [lost_before, lost_after])
@pytest.mark.parametrize("tls", [False, True], ids=["TCP", "TLS"])
def test_a_handler_hears_of_the_end_though_its_connection_fails_to(
    tls, failing, exc, new_loop, caplog, certificates
):
    loop = new_loop()
    heard = []

    async def handler(ws):
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.recv()
        heard.append(ws.close_code)

    async def start():
        options = {"ssl": certificates.server_context()} if tls else {}
        return await websockets.serve(
            handler, "127.0.0.1", 0, create_protocol=failing(exc), **options
        )

    async def stop():
        secure = {"ssl": certificates.client_context()} if tls else {}
        uri = uri_of(server).replace("ws", "wss" if tls else "ws")
        async with websockets.connect(uri, **secure):
            pass
        await asyncio.wait_for(until(lambda: not server.websockets), 10)
        server.close()
        await server.wait_closed()

    server = loop.run_until_complete(start())
    ended, _ = run_until_done(loop, stop())
    assert heard == [1000]
    assert ended == ([exc] if exc in ENDS_PROGRAMS else [])
    assert [record.exc_info[1] for record in caplog.records] == [exc]
    loop.close()


@both_loops
@pytest.mark.parametrize(
    "exc", [ZeroDivisionError(), *ENDS_PROGRAMS, Outcome()], ids=lambda exc: type(exc).__name__
)
@pytest.mark.parametrize("calls", ["before", "after"])
@pytest.mark.parametrize("cls", [websockets.WebSocketClientProtocol, ClientConnection])
def test_a_client_is_closed_though_its_connection_fails_to_hear_of_the_end(
    cls, calls, exc, new_loop, caplog
):
    class Failing(cls):
        def connection_lost(self, reason):
            if calls == "after":
                super().connection_lost(reason)
            raise exc

    async def use():
        async with websockets.serve(hold, "127.0.0.1", 0) as server:
            if cls is ClientConnection:
                ws = await connect(uri_of(server), create_connection=Failing)
            else:
                ws = await websockets.connect(uri_of(server), create_protocol=Failing)
            await asyncio.wait_for(ws.close(), 10)
            assert ws.close_code == 1000

    loop = new_loop()
    ended, _ = run_until_done(loop, use())
    assert ended == ([exc] if exc in ENDS_PROGRAMS else [])
    assert [record.exc_info[1] for record in caplog.records] == [exc]
    loop.close()


@pytest.mark.parametrize("where", ["nothing", "something else"])
async def test_a_tls_handshake_fails_without_a_connection_of_ours(where, certificates, caplog):
    caplog.set_level(logging.DEBUG, "websockets.server")

    def factory(*args, **kwargs):
        if where == "nothing":
            raise ZeroDivisionError
        return asyncio.Protocol()

    context = certificates.server_context()
    async with websockets.serve(
        hold, "127.0.0.1", 0, create_protocol=factory, ssl=context
    ) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            with contextlib.suppress(ConnectionError):
                await peer.read_eof()
    assert "TLS handshake failed" in caplog.records[-1].getMessage()


# Servers that close


class Deaf(websockets.WebSocketServerProtocol):
    """Fails to hear that the server closes, the first one of each kind that it is told."""

    excs = []

    def shut_down(self):
        if self.excs:
            raise self.excs.pop()
        super().shut_down()


@both_loops
@pytest.mark.parametrize(
    "exc", [ZeroDivisionError(), *ENDS_PROGRAMS, *OTHERS], ids=lambda exc: type(exc).__name__
)
def test_a_server_closes_all_connections_though_one_fails_to_hear_it(
    exc, new_loop, caplog, monkeypatch
):
    monkeypatch.setattr(Deaf, "excs", [])
    loop = new_loop()

    async def start():
        server = await websockets.serve(hold, "127.0.0.1", 0, create_protocol=Deaf)
        return server, [await websockets.connect(uri_of(server)) for _ in range(3)]

    async def stop():
        await until(lambda: len(server.connections) == 3)
        Deaf.excs.append(exc)
        server.close()
        await server.wait_closed()
        for ws in clients:
            await ws.wait_closed()

    server, clients = loop.run_until_complete(start())
    ended, _ = run_until_done(loop, stop())
    assert sorted(ws.close_code for ws in clients) == [1001, 1001, 1006]
    assert not server.websockets
    assert ended == ([exc] if exc in ENDS_PROGRAMS else [])
    [record] = caplog.records
    assert record.name == "websockets.server" and record.exc_info[1] is exc
    loop.close()


class Stranger:
    """What a program registers with a server, beside its connections."""

    def __init__(self):
        self.told = 0

    def shut_down(self):
        self.told += 1


class Speechless:
    """Has nothing of what a server asks for."""


async def test_a_server_closes_with_protocols_that_are_not_ours(caplog):
    server = await websockets.serve(hold, "127.0.0.1", 0)
    ws = await websockets.connect(uri_of(server))
    await until(lambda: server.connections or True)
    stranger = Stranger()
    server.register(stranger)
    server.register(Speechless())
    assert server.connections <= {*server.websockets} - {stranger}
    server.close()
    await server.wait_closed()
    await ws.wait_closed()
    assert (ws.close_code, stranger.told) == (1001, 1)
    assert not server.websockets
    [record] = caplog.records
    assert record.exc_info[0] is AttributeError


async def test_a_server_closes_though_its_listener_fails(caplog, monkeypatch):
    server = await websockets.serve(hold, "127.0.0.1", 0)
    listener = server.server

    class Failing:
        def is_serving(self):
            return True

        def close(self):
            listener.close()
            raise ZeroDivisionError("on purpose")

    server.wrap(Failing())
    server.close()
    await server.wait_closed()
    await listener.wait_closed()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_errors_are_logged_where_one_wants(caplog):
    logger = logging.getLogger("mine")

    def factory(*args, **kwargs):
        if factory.fails:
            raise ZeroDivisionError
        return Deaf(*args, **kwargs)

    factory.fails = True
    async with websockets.serve(
        echo, "127.0.0.1", 0, create_protocol=factory, logger=logger
    ) as server:
        async with tcp_to(port_of(server)) as peer:
            await peer.read_eof()
        factory.fails = False
        await assert_serves(server)
    assert [record.name for record in caplog.records] == ["mine"]
