"""
Opening handshakes that fail: the failure is told at once, and nothing is left.

No courtesy of the peer is waited for, such as its close_notify, and nothing of the program's, such
as its logger or the methods that it has overridden, stands between a failure and a socket's end.
"""

import asyncio
import contextlib
import ssl
import sys

import pytest
from peer import REQUEST, Peer, hold, port_of, tcp_to, turns, until
from proxy import nothing_left, open_files
from stranger import Stranger

import websockets
from websockets.handshake import accept_key

# No test waits for these.
NEVER = {"open_timeout": 999, "close_timeout": 999, "ssl_shutdown_timeout": 999}


@contextlib.asynccontextmanager
async def listening(serve):
    """A TCP server whose connections are served one by one."""
    tasks = set()

    async def serve_one(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, EOFError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()
        # A client may have gone before it is served.
        await turns(20)
        if tasks:
            # A client whose socket is still open is a failure that was told of before.
            _, left = await asyncio.wait(tasks, timeout=1)
            for task in left:
                task.cancel()
        await server.wait_closed()


async def end_of(reader):
    """Wait for the end of TCP; what comes before is dropped."""
    with contextlib.suppress(ConnectionError):
        while await reader.read(65536):
            pass


def answering(respond, certificates, ended, asked=None):
    """
    Make a server that answers a request, and then never says anything again.

    Over TLS, it doesn't answer close_notify. Requests are noted in ``asked`` when they are there,
    and in ``ended`` when the client has ended TCP.
    """
    context = certificates and certificates.server_context()

    async def serve(reader, writer):
        if context is None:
            peer = Peer(reader, writer, masked=False)
            head = (await peer.read_head()).decode()
            writer.write(respond(head))
        else:
            stranger = Stranger(reader, writer, context, server_side=True)
            await stranger.call(stranger.tls.do_handshake)
            head = await stranger.read_head()
            await stranger.say(respond(head))
        if asked is not None:
            asked.append(head)
        await end_of(reader)
        ended.append(head)

    return listening(serve)


def uri(server, certificates, path="/"):
    # Not localhost: from Python 3.14 on, asyncio leaves a circle when ::1 refuses.
    return f"{'wss' if certificates else 'ws'}://127.0.0.1:{port_of(server)}{path}"


def arguments(certificates):
    if certificates is None:
        return {key: value for key, value in NEVER.items() if not key.startswith("ssl")}
    return {"ssl": certificates.client_context(), **NEVER}


def accepted(head, *lines):
    [key] = [line[19:] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key: ")]
    return "\r\n".join(
        [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_key(key)}",
            *lines,
            "",
            "",
        ]
    ).encode()


FAILURES = {
    "403": (lambda head: b"HTTP/1.1 403 Forbidden\r\n\r\n", websockets.InvalidStatusCode),
    "401 with a body": (
        lambda head: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99999\r\n\r\n" + bytes(99999),
        websockets.InvalidStatusCode,
    ),
    "302 without a place": (lambda head: b"HTTP/1.1 302 x\r\n\r\n", websockets.InvalidStatusCode),
    "302 to two places": (
        lambda head: b"HTTP/1.1 302 x\r\nLocation: /a\r\nLocation: /b\r\n\r\n",
        websockets.InvalidHeader,
    ),
    "302 to nowhere": (
        lambda head: b"HTTP/1.1 302 x\r\nLocation: ftp://a/\r\n\r\n",
        websockets.InvalidURI,
    ),
    "no WebSocket": (lambda head: b"HTTP/1.1 200 OK\r\n\r\n", websockets.InvalidStatusCode),
    "not HTTP": (lambda head: b"hello\r\n\r\n", websockets.InvalidMessage),
    "too long": (lambda head: b"HTTP/1.1 101 " + b"x" * 9000, websockets.SecurityError),
    "wrong key": (
        lambda head: accepted(head.replace("Key: ", "Key: x")),
        websockets.InvalidHeaderValue,
    ),
    "two keys": (
        lambda head: accepted(head, "Sec-WebSocket-Accept: x"),
        websockets.InvalidHeader,
    ),
    "two upgrades": (lambda head: accepted(head, "Upgrade: websocket"), websockets.InvalidUpgrade),
    "two subprotocols": (
        lambda head: accepted(head, "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Protocol: b"),
        websockets.InvalidHeader,
    ),
    "not offered": (
        lambda head: accepted(head, "Sec-WebSocket-Extensions: x-other"),
        websockets.NegotiationError,
    ),
    "to be continued": (lambda head: b"HTTP/1.1 1", None),
}

both_ways = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


async def failing(uri, **options):
    """Return the type of the exception that connecting raises."""
    # pytest.raises() would keep the frames, and so the connection.
    try:
        await websockets.connect(uri, **options)
    except BaseException as exc:
        return type(exc)
    raise AssertionError("the handshake should fail")


@both_ways
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_is_told_at_once(failure, tls, certificates):
    certificates = certificates if tls else None
    respond, expected = FAILURES[failure]
    ended, asked = [], []
    async with answering(respond, certificates, ended, asked) as server:
        async with nothing_left():
            task = asyncio.ensure_future(
                failing(
                    uri(server, certificates), subprotocols=["a", "b"], **arguments(certificates)
                )
            )
            if expected is None:
                await until(lambda: asked)
                task.cancel()
                expected = asyncio.CancelledError
            assert issubclass(await task, expected)
            del task
            # The server is told as well.
            await until(lambda: ended)


@both_ways
async def test_redirects_are_followed_at_once(tls, certificates):
    certificates = certificates if tls else None
    ended = []

    def respond(head):
        path = head.split()[1]
        if path == "/3":
            return accepted(head)
        return f"HTTP/1.1 302 Found\r\nLocation: /{int(path[1:]) + 1}\r\n\r\n".encode()

    async with answering(respond, certificates, ended) as server:
        ws = await websockets.connect(uri(server, certificates, "/0"), **arguments(certificates))
        assert ws.path == "/3"
        await until(lambda: len(ended) == 3)
        ws.transport.abort()
        await ws.wait_closed()


@both_ways
async def test_a_retry_waits_for_no_server(tls, certificates, monkeypatch):
    certificates = certificates if tls else None
    answers = [lambda head: b"HTTP/1.1 503 Service Unavailable\r\n\r\n"] * 3 + [accepted]
    ended = []
    monkeypatch.setattr("random.random", lambda: 0)

    async def connect_in_a_loop():
        async for ws in websockets.connect(uri(server, certificates), **arguments(certificates)):
            ws.transport.abort()
            return ws

    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda seconds: sleep(0))
    async with answering(lambda head: answers.pop(0)(head), certificates, ended) as server:
        await connect_in_a_loop()
        assert not answers


# What is the program's


class Broken(Exception):
    pass


def broken(*args, **kwargs):
    raise Broken


class Logger:
    def __getattr__(self, name):
        raise Broken


@contextlib.contextmanager
def exceptions_of_the_loop():
    """Take what the event loop is handed, in place of the test."""
    loop = asyncio.get_running_loop()
    before, contexts = loop.get_exception_handler(), []
    loop.set_exception_handler(lambda loop, context: contexts.append(context.get("exception")))
    try:
        yield contexts
    finally:
        loop.set_exception_handler(before)


def server_class(**attributes):
    return type("Mine", (websockets.WebSocketServerProtocol,), attributes)


def client_class(**attributes):
    return type("Mine", (websockets.WebSocketClientProtocol,), attributes)


NOT_TLS = b"GET / HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize("how", ["garbage", "end", "time"])
@pytest.mark.parametrize(
    "options",
    [
        {"create_protocol": server_class(logger=property(broken))},
        {"create_protocol": server_class(logger=None)},
        {"logger": Logger()},
    ],
    ids=["property", "attribute", "argument"],
)
async def test_a_logger_that_raises_does_not_keep_a_socket_open(options, how, certificates):
    async with nothing_left():
        with exceptions_of_the_loop() as contexts:
            async with websockets.serve(
                hold,
                "127.0.0.1",
                0,
                ssl=certificates.server_context(),
                ssl_handshake_timeout=0.02 if how == "time" else 999,
                **options,
            ) as server:
                async with tcp_to(port_of(server)) as peer:
                    if how == "garbage":
                        peer.write(NOT_TLS)
                    elif how == "end":
                        peer.write(b"\x16\x03\x01")
                        peer.writer.write_eof()
                    await peer.read_eof()
            assert [type(exc) for exc in contexts] == [Broken] * ("logger" in options)
            contexts.clear()


@both_ways
@pytest.mark.parametrize(
    "method", ["connection_made", "data_received", "eof_received", "connection_lost"]
)
async def test_a_method_that_raises_does_not_keep_a_socket_open(method, tls, certificates):
    if method == "connection_made" and not tls:
        pytest.skip("the event loop's transports go on")
    attributes = {method: broken}
    if method == "connection_made":
        # There is nothing to be released where no connection was made.
        attributes["connection_lost"] = lambda self, exc: None
    options = {"ssl": certificates.server_context()} if tls else {}
    with exceptions_of_the_loop() as contexts:
        server = await websockets.serve(
            hold,
            "127.0.0.1",
            0,
            create_protocol=server_class(**attributes),
            ping_interval=None,
            **options,
        )
        before = open_files()
        async with tcp_to(port_of(server)) as peer:
            request = REQUEST + b"\r\n"
            if tls:
                stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
                await stranger.call(stranger.tls.do_handshake)
                request = stranger.records(request)
            peer.write(request)
            if method in ("eof_received", "connection_lost"):
                await (stranger if tls else peer).read_head()
                if tls:
                    with contextlib.suppress(ssl.SSLError):
                        stranger.tls.unwrap()
                    stranger.flush()
                else:
                    peer.writer.write_eof()
            await peer.read_eof()
        await turns(20)
        assert open_files() == before
        assert {type(exc) for exc in contexts} <= {Broken}
        contexts.clear()
        for protocol in server.websockets:
            protocol.handler_task.cancel()
        server.close()
        await server.wait_closed()


@both_ways
@pytest.mark.parametrize(
    "overridden",
    [
        {"fail_connection": broken},
        {"wait_closed": broken},
        {"close": broken},
        {"logger": property(broken)},
        {"handshake": broken},
        {"connection_lost": broken},
    ],
    ids=lambda overridden: next(iter(overridden)),
)
async def test_an_overridden_method_does_not_hide_a_failure(overridden, tls, certificates, caplog):
    certificates = certificates if tls else None
    ended = []
    async with answering(FAILURES["403"][0], certificates, ended) as server:
        with exceptions_of_the_loop() as contexts:
            expected = Broken if "handshake" in overridden else websockets.InvalidStatusCode
            options = {"create_protocol": client_class(**overridden), **arguments(certificates)}
            assert await failing(uri(server, certificates), **options) is expected
            await until(lambda: ended or "handshake" in overridden)
            await turns(10)
            assert not contexts
            logged = [record.exc_info[0] for record in caplog.records]
            assert logged == [Broken] * ("connection_lost" in overridden)


@both_ways
async def test_a_protocol_that_cannot_be_made_opens_no_socket(tls, certificates):
    certificates = certificates if tls else None
    accepted = []

    async def serve(reader, writer):
        accepted.append(reader)

    async with listening(serve) as server, nothing_left():
        target, options = uri(server, certificates), arguments(certificates)
        assert await failing(target, create_protocol=broken, **options) is Broken
        if tls:
            for wrong in ({"server_hostname": ".a"}, {"ssl_handshake_timeout": -1}):
                assert issubclass(await failing(target, **{**options, **wrong}), ValueError)
        await turns(20)
        assert not accepted


@pytest.mark.parametrize("method", ["connection_made", "data_received"])
async def test_a_client_whose_method_raises(method, certificates):
    ended = []
    async with answering(FAILURES["403"][0], certificates, ended) as server:
        with exceptions_of_the_loop() as contexts:
            attributes = {method: broken}
            if method == "connection_made":
                attributes["connection_lost"] = lambda self, exc: None
            options = {"create_protocol": client_class(**attributes), **arguments(certificates)}
            kind = await failing(uri(server, certificates), **options)
            assert kind is Broken if method == "connection_made" else issubclass(kind, Exception)
            assert [type(exc) for exc in contexts] == [Broken]
            contexts.clear()


# One time limit


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tasks don't count their cancellations")
async def test_a_task_that_was_cancelled_before_learns_of_the_time_limit():
    async def serve(reader, writer):
        await end_of(reader)

    async def connect():
        try:
            await asyncio.sleep(999)
        except asyncio.CancelledError:
            # To say goodbye to somebody, for example.
            await websockets.connect(uri(server, None), open_timeout=0.02)

    async with listening(serve) as server:
        task = asyncio.ensure_future(connect())
        await turns()
        task.cancel()
        with pytest.raises(asyncio.TimeoutError):
            await task
        assert task.cancelling() == 1
