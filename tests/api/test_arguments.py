"""
Arguments are checked when an object is built: what can't be meant is refused in words that name the
argument, what it may be and what it is; whatever can be meant is taken.
"""

import asyncio
import enum
import fractions
import functools
import inspect
import logging
import math
import re
import sys
import unittest.mock

import pytest
from peer import (
    REQUEST,
    both_ends,
    both_sides,
    hold,
    needs_unix,
    port_of,
    response_to,
    serving,
    tcp_to,
    uri_of,
)
from variants import LOOPS

import websockets
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.http import Headers

SERVERS = {
    "serve": functools.partial(websockets.serve, hold),
    "unix_serve": functools.partial(websockets.unix_serve, hold, "path"),
    "WebSocketServerProtocol": functools.partial(websockets.WebSocketServerProtocol, hold, None),
}
CLIENTS = {
    "connect": functools.partial(websockets.connect, "ws://localhost/"),
    "unix_connect": functools.partial(websockets.unix_connect, "path"),
    "WebSocketClientProtocol": websockets.WebSocketClientProtocol,
}
COMMON = {**SERVERS, **CLIENTS, "WebSocketCommonProtocol": websockets.WebSocketCommonProtocol}
STARTERS = ["serve", "unix_serve", "connect", "unix_connect"]


class Wordless:
    def __repr__(self):
        raise ZeroDivisionError


def cases(table):
    """Yield an argument's name, a value, the exception, and what it is given to."""
    for names, error, values, given_to in table:
        for name in names.split():
            for value in values:
                for who, build in given_to.items():
                    shown = "wordless" if isinstance(value, Wordless) else f"{value!r:.30}"
                    yield pytest.param(name, value, error, build, id=f"{who}-{name}-{shown}")


TIMES = "ping_interval ping_timeout close_timeout timeout"
SIZES = "max_size max_queue max_fragments read_limit write_limit"
STARTED = {**SERVERS, "connect": CLIENTS["connect"], "unix_connect": CLIENTS["unix_connect"]}
BUILT = {name: build for name, build in STARTED.items() if name in STARTERS}
TEXTS = ["", "chat", b"chat", bytearray(b"chat")]
NO_TIMES = ["20", b"20", "", [], {}, True, False, 1j, object(), Wordless()]
NO_SIZES = ["1", b"1", "", {}, 1.5, True, False, math.nan, object(), Wordless()]

WRONG = [
    (TIMES, TypeError, NO_TIMES, COMMON),
    (TIMES, ValueError, [-1, -0.1, -math.inf, math.nan, 10**400], COMMON),
    ("open_timeout", TypeError, NO_TIMES, STARTED),
    ("open_timeout", ValueError, [-1, -0.1, -math.inf, math.nan, 10**400], STARTED),
    (SIZES, TypeError, NO_SIZES, COMMON),
    (SIZES, ValueError, [-1, -(10**30), -1.0], COMMON),
    ("max_size max_queue write_limit", TypeError, [(1, "1"), ("1", 1), (1,), (1, 2, 3)], COMMON),
    ("max_size max_queue write_limit", ValueError, [(1, -1), (-1, 1)], COMMON),
    ("max_queue write_limit", ValueError, [(1, 2)], COMMON),
    ("read_limit", TypeError, [math.inf, (1, 1)], COMMON),
    ("logger", TypeError, ["websockets", 5], COMMON),
    # lists
    ("extensions subprotocols", TypeError, [*TEXTS, 5, iter([])], {**SERVERS, **CLIENTS}),
    ("origins allowed_hosts", TypeError, [*TEXTS, 5, iter([])], SERVERS),
    (
        "subprotocols allowed_hosts",
        TypeError,
        [[1], [None], [b"chat"]],
        {"serve": SERVERS["serve"]},
    ),
    ("subprotocols", TypeError, [[1], [None], [b"chat"]], {"connect": CLIENTS["connect"]}),
    ("subprotocols", ValueError, [["a b"], ["a,b"], [""], ["\u00e9"]], BUILT),
    ("origins", TypeError, [[1], [b"http://a"], [re.compile(b"a")]], {"serve": SERVERS["serve"]}),
    (
        "extensions",
        TypeError,
        [
            ["permessage-deflate"],
            [ClientPerMessageDeflateFactory()],
            [ServerPerMessageDeflateFactory],
            [None],
        ],
        {"serve": SERVERS["serve"]},
    ),
    (
        "extensions",
        TypeError,
        [
            ["permessage-deflate"],
            [ServerPerMessageDeflateFactory()],
            [ClientPerMessageDeflateFactory],
            [None],
        ],
        {"connect": CLIENTS["connect"]},
    ),
    # other kinds
    ("process_request select_subprotocol", TypeError, [5, "name"], SERVERS),
    ("create_protocol klass", TypeError, [5, "name"], BUILT),
    ("server_header", TypeError, [5, b"name", ["name"]], SERVERS),
    ("server_header", ValueError, ["a\r\nb", "a\0"], SERVERS),
    ("user_agent_header origin", TypeError, [5, b"name", ["name"]], CLIENTS),
    ("user_agent_header origin", ValueError, ["a\r\nb", "a\0"], CLIENTS),
    (
        "extra_headers",
        TypeError,
        [5, "X: 1", b"X: 1", ["X"], ["ab"], [("X",)], [("X", 1)], {"X": 1}, {1: "X"}, [None]],
        {**SERVERS, **CLIENTS},
    ),
    ("extra_headers", TypeError, [Headers({"X": 1})], {**SERVERS, **CLIENTS}),
    ("extra_headers", TypeError, [lambda path, headers: {}], CLIENTS),
]


@pytest.mark.parametrize("name, value, error, build", list(cases(WRONG)))
def test_what_cannot_be_meant_is_refused_at_once(name, value, error, build):
    with pytest.raises(error) as raised:
        build(**{name: value})
    told = str(raised.value)
    assert told.startswith(f"{name} must be ")
    if isinstance(value, Wordless):
        assert "an object of Wordless" in told
    else:
        assert repr(value)[:200] in told
    assert len(told) < 400


def test_a_handler_is_refused_that_cannot_be_called():
    for wrong in (5, "handler", None):
        with pytest.raises(TypeError, match="ws_handler must be"):
            websockets.serve(wrong, "127.0.0.1", 0)
        with pytest.raises(TypeError, match="ws_handler must be"):
            websockets.unix_serve(wrong, "path")
    with pytest.raises(TypeError, match="ws_handler must be"):
        websockets.WebSocketServerProtocol(5, None)


async def test_a_handler_may_be_the_affair_of_create_protocol():
    class Own(websockets.WebSocketServerProtocol):
        async def handler(self):
            self.transport.close()
            self.ws_server.unregister(self)

    async with websockets.serve(None, "127.0.0.1", 0, create_protocol=Own) as server:
        async with tcp_to(port_of(server)) as peer:
            assert await peer.read_eof() == b""


@pytest.mark.parametrize("credentials", ["user:secret", b"user", 5, ["user", "secret"], [("a", 1)]])
def test_credentials_are_refused_that_are_no_pairs(credentials):
    with pytest.raises(TypeError, match=r"credentials must be \(username, password\) pairs"):
        websockets.basic_auth_protocol_factory("realm", credentials)


def test_arguments_of_basic_auth_have_their_types():
    for name, value in (("check_credentials", 5), ("create_protocol", "class"), ("realm", None)):
        arguments = {"realm": "realm", "check_credentials": hold, name: value}
        with pytest.raises(TypeError, match=f"{name} must be .*{value!r}"):
            websockets.basic_auth_protocol_factory(**arguments)
    with pytest.raises(TypeError, match="check_credentials must be a function"):
        websockets.BasicAuthWebSocketServerProtocol(
            hold, None, realm="realm", check_credentials="name"
        )


@pytest.mark.parametrize("kind", [list, tuple, iter], ids=lambda kind: kind.__name__)
async def test_credentials_may_come_in_any_way_and_be_checked_by_a_plain_function(kind):
    authorized = REQUEST + b"Authorization: Basic dTpw\r\n\r\n"
    for options, expected in (
        ({"credentials": kind([("u", "p")])}, 101),
        ({"check_credentials": lambda username, password: (username, password) == ("u", "p")}, 101),
        ({"check_credentials": lambda username, password: False}, 401),
    ):
        factory = websockets.basic_auth_protocol_factory("realm", **options)
        status, _, _ = await response_to(authorized, create_protocol=factory)
        assert status == expected


# What is taken


class Size(enum.IntEnum):
    LARGE = 2**20


class Whole:
    def __index__(self):
        return 5


class Everything:
    """A collection that only tells what is in it."""

    def __contains__(self, value):
        return value != "http://no"


RIGHT = [
    (TIMES, [None, 0, 0.0, 1, 0.5, fractions.Fraction(1, 2), math.inf, 1e300, Size.LARGE]),
    (SIZES, [0, 1, Size.LARGE, Whole(), 1e6, 2**31, 2**63, 10**30]),
    ("max_size max_queue max_fragments", [None, math.inf]),
    ("read_limit write_limit", [None]),
    (
        "max_size max_queue write_limit",
        [(2, 1), [2, 1], (2, None), (None, 2), (None, None), (0, 0), (2**63, 2**40)],
    ),
    ("logger", [None, logging.getLogger("mine"), logging.LoggerAdapter(logging.root, {})]),
    ("logger", [unittest.mock.Mock()]),
]


@pytest.mark.parametrize(
    "options",
    [{name: value} for names, values in RIGHT for name in names.split() for value in values],
)
async def test_whatever_can_be_meant_is_taken(options):
    for build in COMMON.values():
        build(**options)
    # Not only taken, but good for a message, where it lets one pass.
    if any(options.get(name) in (0, (0, 0)) for name in ("max_size", "max_fragments")):
        return
    options = {"ping_interval": None, **options}
    async with both_ends(options, **options) as ends:
        for one, other in (ends, ends[::-1]):
            await one.send(b"x")
            assert await other.recv() == b"x"


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, dict.fromkeys])
async def test_lists_may_be_of_any_kind(kind):
    request = REQUEST + b"Origin: http://a\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
    status, headers, _ = await response_to(
        request,
        origins=kind(["http://a"]),
        allowed_hosts=kind(["localhost"]),
        subprotocols=kind(["chat"]),
    )
    assert (status, headers["Sec-WebSocket-Protocol"]) == (101, "chat")


async def test_origins_may_be_a_collection_that_only_tells_what_is_in_it():
    for origin, expected in ((b"http://yes", 101), (b"http://no", 403)):
        request = REQUEST + b"Origin: %s\r\n\r\n" % origin
        assert (await response_to(request, origins=Everything()))[0] == expected


@pytest.mark.parametrize(
    "origin, expected",
    [
        ("https://example.com", 101),
        ("https://chat.example.com", 101),
        ("https://chat.example.com.evil", 403),
        ("evil https://chat.example.com", 403),
        ("http://localhost", 101),
        ("", 403),
        (None, 403),
    ],
)
async def test_origins_may_be_compiled_patterns_that_match_a_whole_value(origin, expected):
    request = REQUEST + (b"" if origin is None else f"Origin: {origin}\r\n".encode()) + b"\r\n"
    origins = [re.compile(r"https://(\w+\.)?example\.com"), "http://localhost"]
    status, _, _ = await response_to(request, origins=origins)
    assert status == expected


async def test_headers_that_can_be_looked_through_once_serve_all_connections():
    headers = iter([("X", "1")])
    async with websockets.serve(hold, "127.0.0.1", 0, extra_headers=headers) as server:
        for _ in range(2):
            async with websockets.connect(uri_of(server)) as ws:
                assert ws.response_headers["X"] == "1"


async def test_headers_may_come_in_any_way():
    for headers in (
        Headers([("X", "1"), ("X", "2")]),
        {"X": "1"},
        [("X", "1")],
        [["X", "1"]],
        iter([("X", "1")]),
        (),
        None,
        lambda path, headers: {"X": "1"},
    ):
        status, _, _ = await response_to(REQUEST + b"\r\n", extra_headers=headers)
        assert status == 101


@both_sides
@pytest.mark.parametrize("value, expected", [(0, None), (5, None), ((6, 2), None), (None, None)])
async def test_max_queue_is_a_number_a_pair_or_none(connection, value, expected):
    async with connection(max_queue=value) as (ws, peer):
        for number in range(100):
            peer.send(1, str(number).encode())
        for number in range(100):
            assert await ws.recv() == str(number)


async def test_max_size_is_the_limit_of_messages_where_it_is_a_pair():
    async with both_ends({"max_size": (10, None)}, max_size=(5, 3)) as (server, client):
        assert (server.max_size, client.max_size) == (10, 5)
        await client.send(b"x" * 11)
        await server.wait_closed()
        assert client.close_code == 1009


@both_sides
async def test_a_frame_has_a_limit_of_its_own_where_max_size_is_a_pair(connection):
    async with connection(max_size=(5, 3)) as (ws, peer):
        peer.send(1, b"abc", fin=False)
        peer.send(0, b"de")
        assert await ws.recv() == "abcde"
        peer.send(1, b"abcd")
        assert await peer.read_close() == (1009, "frame with 4 bytes exceeds limit of 3 bytes")


@pytest.mark.parametrize(
    "value, marks",
    [
        (1000, (1000, 250)),
        ((1000, 10), (1000, 10)),
        ((1000, None), (1000, 250)),
        ((None, 10), (40, 10)),
        (None, (65536, 16384)),
        (0, (0, 0)),
    ],
)
async def test_write_limit_sets_both_marks_of_the_transport(value, marks):
    seen = []

    class Noting(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            seen.append(transport.get_write_buffer_limits())

    async def handler(ws, path):
        pass

    async with websockets.serve(
        handler, "127.0.0.1", 0, create_protocol=Noting, write_limit=value
    ) as server:
        async with websockets.connect(uri_of(server)) as ws:
            await ws.wait_closed()
    assert seen == [marks[::-1]]


async def test_what_a_subclass_sets_later_is_its_own_affair():
    class Setting(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.max_size = None
            self.max_queue = 5
            self.write_limit = 1000
            self.origins = None

    async def handler(ws, path):
        await ws.send(str((ws.max_size, ws.max_queue, ws.write_limit)))

    async with websockets.serve(
        handler, "127.0.0.1", 0, create_protocol=Setting, origins=["http://a"]
    ) as server:
        async with websockets.connect(uri_of(server)) as ws:
            assert await ws.recv() == "(None, 5, 1000)"


# Extensions


@pytest.mark.parametrize(
    "factory", [ServerPerMessageDeflateFactory, ClientPerMessageDeflateFactory]
)
@pytest.mark.parametrize(
    "name, value, error",
    [
        ("min_size", "1", TypeError),
        ("min_size", None, TypeError),
        ("min_size", -1, ValueError),
        ("thread_size", "1", TypeError),
        ("thread_size", -1, ValueError),
        ("compress_settings", "fast", TypeError),
        ("compress_settings", 5, TypeError),
        ("server_max_window_bits", "10", ValueError),
        ("client_max_window_bits", 16, ValueError),
        ("client_max_window_bits", 9.5, ValueError),
    ],
)
def test_arguments_of_permessage_deflate(factory, name, value, error):
    with pytest.raises(error, match=f"{name} must be .*{value!r}"):
        factory(**{name: value})


class Static:
    """A factory whose methods need no instance, so that the class serves."""

    name = "x-static"

    @staticmethod
    def process_request_params(params, accepted_extensions):
        raise websockets.NegotiationError("never")

    @staticmethod
    def get_request_params():
        return []

    @classmethod
    def process_response_params(cls, params, accepted_extensions):
        raise websockets.NegotiationError("never")


def test_a_class_may_be_a_factory_if_its_methods_need_no_instance():
    websockets.serve(hold, extensions=[Static])
    websockets.connect("ws://localhost/", extensions=[Static])


# Keywords that nobody knows


@pytest.mark.parametrize("name", STARTERS)
@pytest.mark.parametrize(
    "keyword, hint",
    [
        ("ping_intervall", "; did you mean 'ping_interval'?"),
        ("maxsize", "; did you mean 'max_size'?"),
        ("sub_protocols", "; did you mean 'subprotocols'?"),
        ("ssl_handshake_time", "; did you mean 'ssl_handshake_timeout'?"),
        ("nonsense", ""),
        ("protocol_factory", None),
        ("self_", None),
    ],
)
def test_an_unknown_keyword_is_told_as_ours(name, keyword, hint):
    with pytest.raises(TypeError) as raised:
        COMMON[name](**{keyword: 1})
    start = f"{name}() got an unexpected keyword argument {keyword!r}"
    assert str(raised.value).startswith(start)
    assert hint is None or str(raised.value) == start + hint


METHODS = {
    "serve": "create_server",
    "unix_serve": "create_unix_server",
    "connect": "create_connection",
    "unix_connect": "create_unix_connection",
}


@pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("name, method", METHODS.items())
def test_all_that_event_loops_take_is_let_through(name, method, new_loop):
    loop = new_loop()

    async def build(keywords):
        COMMON[name](**keywords)

    parameters = inspect.signature(getattr(loop, method)).parameters
    assert len(parameters) > 5
    for keyword in set(parameters) - {"protocol_factory", "path"}:
        loop.run_until_complete(build({keyword: None}))
        if "uvloop" not in str(loop) or "uvloop" in sys.modules:
            COMMON[name](**{keyword: None})
    loop.close()


async def test_what_another_loop_does_not_take_is_refused_in_its_presence():
    loop = asyncio.get_running_loop()
    taken = inspect.signature(loop.create_connection).parameters
    if "happy_eyeballs_delay" in taken:
        CLIENTS["connect"](happy_eyeballs_delay=1)
    else:
        with pytest.raises(TypeError, match=r"connect\(\) got an unexpected keyword argument"):
            CLIENTS["connect"](happy_eyeballs_delay=1)


class TakesAnything(asyncio.SelectorEventLoop):
    async def create_connection(self, protocol_factory, **options):
        raise ConnectionRefusedError


class TellsNothing(asyncio.SelectorEventLoop):
    async def create_connection(self, protocol_factory, **options):
        raise ConnectionRefusedError

    create_connection.__signature__ = "unknown"


@pytest.mark.parametrize("loop_class", [TakesAnything, TellsNothing])
def test_a_loop_may_take_what_it_likes(loop_class):
    loop = loop_class()

    async def connect():
        with pytest.raises(ConnectionRefusedError):
            await websockets.connect("ws://localhost/", its_own=True)

    loop.run_until_complete(connect())
    loop.close()


async def test_arguments_of_a_factory_are_its_own():
    class Marked(websockets.WebSocketServerProtocol):
        def __init__(self, *args, mark, **kwargs):
            super().__init__(*args, **kwargs)
            self.mark = mark

    async def handler(ws, path):
        await ws.send(ws.mark)

    async with websockets.serve(
        handler, "127.0.0.1", 0, create_protocol=functools.partial(Marked, mark="partial")
    ) as server:
        async with websockets.connect(uri_of(server)) as ws:
            assert await ws.recv() == "partial"


async def test_each_connection_checks_what_it_is_given_by_others():
    async with serving(hold, max_queue=(4, 1), origins=["http://a", None]) as (protocol, transport):
        assert protocol.open and protocol.max_queue == (4, 1)


@needs_unix
async def test_unix_sockets_take_their_arguments(tmp_path):
    path = str(tmp_path / "socket")
    async with websockets.unix_serve(hold, path, backlog=5, max_queue=(4, 1)) as server:
        assert server.is_serving()
        async with websockets.unix_connect(path, max_size=(10, 5)) as ws:
            assert ws.max_size == 10
