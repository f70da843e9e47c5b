"""The tree of exceptions: what each carries, says and survives."""

import copy
import http
import inspect
import pickle

import pytest

from websockets import exceptions
from websockets.datastructures import Headers
from websockets.exceptions import (
    AbortHandshake,
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    DuplicateParameter,
    HeaderLineTooLong,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidMethod,
    InvalidOrigin,
    InvalidParameterName,
    InvalidParameterValue,
    InvalidProtocol,
    InvalidProxy,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidState,
    InvalidStatus,
    InvalidStatusCode,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    ProxyError,
    RedirectHandshake,
    RedirectRefused,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyFragments,
    TooManyHeaders,
    WebSocketException,
    format_close,
)
from websockets.http11 import Response

PARENTS = {
    WebSocketException: Exception,
    ConnectionClosed: WebSocketException,
    ConnectionClosedError: ConnectionClosed,
    ConnectionClosedOK: ConnectionClosed,
    InvalidHandshake: WebSocketException,
    SecurityError: InvalidHandshake,
    RequestLineTooLong: SecurityError,
    StatusLineTooLong: SecurityError,
    HeaderLineTooLong: SecurityError,
    TooManyHeaders: SecurityError,
    RedirectRefused: SecurityError,
    InvalidMessage: InvalidHandshake,
    InvalidMethod: InvalidHandshake,
    InvalidProtocol: InvalidHandshake,
    ProxyError: InvalidHandshake,
    InvalidProxyMessage: ProxyError,
    InvalidProxyStatus: ProxyError,
    InvalidHeader: InvalidHandshake,
    InvalidHeaderFormat: InvalidHeader,
    InvalidHeaderValue: InvalidHeader,
    InvalidOrigin: InvalidHeader,
    InvalidUpgrade: InvalidHeader,
    InvalidStatus: InvalidHandshake,
    InvalidStatusCode: InvalidStatus,
    NegotiationError: InvalidHandshake,
    DuplicateParameter: NegotiationError,
    InvalidParameterName: NegotiationError,
    InvalidParameterValue: NegotiationError,
    AbortHandshake: InvalidHandshake,
    RedirectHandshake: InvalidHandshake,
    InvalidState: WebSocketException,
    ConcurrencyError: WebSocketException,
    InvalidURI: WebSocketException,
    InvalidProxy: WebSocketException,
    PayloadTooBig: WebSocketException,
    TooManyFragments: WebSocketException,
    ProtocolError: WebSocketException,
}

# An instance of each, and its message.
MESSAGES = [
    (WebSocketException("oops"), "oops"),
    (ConnectionClosed(1000, ""), "received 1000 (OK); no close frame sent"),
    (
        ConnectionClosedError(1002, "bad frame"),
        "received 1002 (protocol error) bad frame; no close frame sent",
    ),
    (ConnectionClosedOK(1001, ""), "received 1001 (going away); no close frame sent"),
    (ConnectionClosedError(1006, ""), "no close frame received or sent"),
    (InvalidHandshake("no"), "no"),
    (SecurityError("too many headers"), "too many headers"),
    (RedirectRefused("not there"), "not there"),
    (InvalidMessage("not HTTP"), "not HTTP"),
    (InvalidHeader("Name"), "missing Name header"),
    (InvalidHeader("Name", ""), "empty Name header"),
    (InvalidHeader("Name", "Value"), "invalid Name header: Value"),
    (
        InvalidHeaderFormat("Name", "expected a token", "a b", 2),
        "invalid Name header: expected a token at 2 in a b",
    ),
    (InvalidHeaderValue("Name", "Value"), "invalid Name header: Value"),
    (InvalidOrigin("http://bad.example"), "invalid Origin header: http://bad.example"),
    (InvalidOrigin(None), "missing Origin header"),
    (InvalidUpgrade("Upgrade", "h2c"), "invalid Upgrade header: h2c"),
    (InvalidUpgrade("Connection"), "missing Connection header"),
    (InvalidMethod("POST"), "unsupported HTTP method: POST"),
    (InvalidProtocol("HTTP/1.0"), "unsupported HTTP version: HTTP/1.0"),
    (
        InvalidStatus(Response(403, "Forbidden", Headers(), b"no")),
        "server rejected WebSocket connection: HTTP 403",
    ),
    (InvalidStatusCode(403), "server rejected WebSocket connection: HTTP 403"),
    (
        InvalidStatusCode(403, Headers(), Response(403, "Forbidden", Headers(), b"no")),
        "server rejected WebSocket connection: HTTP 403",
    ),
    (RequestLineTooLong("9 > 8"), "9 > 8"),
    (StatusLineTooLong("9 > 8"), "9 > 8"),
    (HeaderLineTooLong("9 > 8"), "9 > 8"),
    (TooManyHeaders("9 > 8"), "9 > 8"),
    (ProxyError("no"), "no"),
    (InvalidProxyMessage("not HTTP"), "not HTTP"),
    (InvalidProxyStatus(Response(407, "", Headers())), "proxy rejected connection: HTTP 407"),
    (NegotiationError("no"), "no"),
    (DuplicateParameter("a"), "duplicate parameter: a"),
    (InvalidParameterName("a"), "invalid parameter name: a"),
    (InvalidParameterValue("a", "b"), "invalid value for parameter a: b"),
    (InvalidParameterValue("a", None), "missing value for parameter a"),
    (InvalidParameterValue("a", ""), "empty value for parameter a"),
    (AbortHandshake(200, [], b"fine"), "HTTP 200, 0 headers, 4 bytes"),
    (
        AbortHandshake(http.HTTPStatus.OK, Headers(a="b")),
        "HTTP 200, 1 headers, 0 bytes",
    ),
    (RedirectHandshake("wss://there/"), "redirect to wss://there/"),
    (InvalidState("closed"), "closed"),
    (InvalidURI("http://here/"), "http://here/ isn't a valid URI"),
    (InvalidURI("ws://a:b", "bad port"), "ws://a:b isn't a valid URI: bad port"),
    (InvalidProxy("ftp://here", "no"), "ftp://here isn't a valid proxy: no"),
    (ConcurrencyError("busy"), "busy"),
    (PayloadTooBig("5 > 4"), "5 > 4"),
    (PayloadTooBig(5, 4), "frame with 5 bytes exceeds limit of 4 bytes"),
    (PayloadTooBig(None, 4), "frame exceeds limit of 4 bytes"),
    (PayloadTooBig(5, 4, 3), "frame with 5 bytes after reading 3 bytes exceeds limit of 7 bytes"),
    (PayloadTooBig(None, 4, 3), "frame after reading 3 bytes exceeds limit of 7 bytes"),
    (PayloadTooBig(), ""),
    (TooManyFragments(9), "fragmented message exceeds limit of 9 frames"),
    (ProtocolError("reserved bit"), "reserved bit"),
]

# How many arguments the constructors ask for; the others take anything.
ARITY = {
    ConnectionClosed: 2,
    ConnectionClosedError: 2,
    ConnectionClosedOK: 2,
    InvalidHeader: 2,
    InvalidHeaderFormat: 4,
    InvalidHeaderValue: 2,
    InvalidOrigin: 1,
    InvalidUpgrade: 2,
    InvalidStatusCode: 2,
    DuplicateParameter: 1,
    InvalidParameterName: 1,
    InvalidParameterValue: 2,
    AbortHandshake: 3,
    RedirectHandshake: 1,
    InvalidURI: 2,
    InvalidMethod: 1,
    InvalidProtocol: 1,
    InvalidProxy: 2,
    TooManyFragments: 1,
}

NONSENSE = [None, 0, -1, 2**70, 1.5, b"\xff", "", "\udc80", "\r\n", "é", [], {}, "x" * 9999]


@pytest.mark.parametrize("child, parent", PARENTS.items())
def test_tree(child, parent):
    assert child.__bases__[0] is parent


def test_everything_public_is_in_the_tree():
    public = {getattr(exceptions, name) for name in exceptions.__all__}
    assert public == {*PARENTS, format_close}


def test_aliases():
    assert exceptions.WebSocketProtocolError is ProtocolError
    assert issubclass(InvalidURI, ValueError)


@pytest.mark.parametrize("exc, message", MESSAGES)
def test_message(exc, message):
    assert str(exc) == message


def test_every_exception_has_a_message_tested():
    assert {type(exc) for exc, _ in MESSAGES} == set(PARENTS)


@pytest.mark.parametrize("exc", [exc for exc, _ in MESSAGES], ids=repr)
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [
        lambda exc, protocol=protocol: pickle.loads(pickle.dumps(exc, protocol))
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ],
)
def test_survives_copy_and_pickle(exc, copied):
    clone = copied(exc)
    assert type(clone) is type(exc)
    assert clone.args == exc.args
    assert vars(clone) == vars(exc)
    assert str(clone) == str(exc)
    assert repr(clone) == repr(exc)


@pytest.mark.parametrize("cls", ARITY)
def test_survives_copy_when_built_from_keywords(cls):
    left_out = {"rcvd_then_sent", "response"}
    names = [name for name in inspect.signature(cls).parameters if name not in left_out]
    arguments = {name: f"some {name}" for name in names}
    exc = cls(**arguments)
    assert exc.args == tuple(arguments.values())
    assert vars(copy.copy(exc)) == vars(exc)


@pytest.mark.parametrize("cls", ARITY)
@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda value: repr(value)[:20])
def test_can_be_shown_whatever_it_holds(cls, nonsense):
    exc = cls(*[nonsense] * ARITY[cls])
    text = str(exc)
    text.encode()
    assert text.isprintable()
    assert len(text) < 1000
    repr(exc)


def test_attributes_of_connection_closed():
    exc = ConnectionClosed(1008, "policy")
    assert (exc.code, exc.reason) == (1008, "policy")


def test_attributes_of_invalid_headers():
    exc = InvalidHeader("Name")
    assert (exc.name, exc.value) == ("Name", None)
    exc = InvalidHeaderFormat("Name", "expected a token", "a b", 2)
    assert (exc.name, exc.value) == ("Name", "expected a token at 2 in a b")
    assert (exc.error, exc.header, exc.pos) == ("expected a token", "a b", 2)
    exc = InvalidOrigin("null")
    assert (exc.name, exc.value) == ("Origin", "null")


def test_attributes_of_invalid_status_code():
    assert InvalidStatusCode(500).headers is None
    exc = InvalidStatusCode(503, Headers(Retry_After="1"))
    assert exc.status_code == 503
    assert exc.headers == Headers(Retry_After="1")


def test_attributes_of_negotiation_errors():
    assert DuplicateParameter("a").name == "a"
    assert InvalidParameterName("a").name == "a"
    exc = InvalidParameterValue("a", "b")
    assert (exc.name, exc.value) == ("a", "b")


def test_attributes_of_internal_exceptions():
    exc = AbortHandshake(http.HTTPStatus.FORBIDDEN, [("A", "b")])
    assert (exc.status, exc.headers, exc.body) == (403, [("A", "b")], b"")
    assert RedirectHandshake("ws://there/").uri == "ws://there/"


def test_attributes_of_invalid_uri():
    exc = InvalidURI("http://here/")
    assert (exc.uri, exc.msg) == ("http://here/", None)


@pytest.mark.parametrize(
    "code, reason, text",
    [
        (1000, "", "code = 1000 (OK), no reason"),
        (1001, "bye", "code = 1001 (going away), reason = bye"),
        (1005, "", "code = 1005 (no status received), no reason"),
        (1006, "", "code = 1006 (abnormal closure), no reason"),
        (1009, "1 MiB", "code = 1009 (message too big), reason = 1 MiB"),
        (1012, "", "code = 1012 (service restart), no reason"),
        (1016, "", "code = 1016 (unknown), no reason"),
        (2999, "", "code = 2999 (unknown), no reason"),
        (3000, "", "code = 3000 (registered), no reason"),
        (3999, "", "code = 3999 (registered), no reason"),
        (4000, "", "code = 4000 (private use), no reason"),
        (4999, "", "code = 4999 (private use), no reason"),
        (5000, "", "code = 5000 (unknown), no reason"),
        (None, None, "code = None (unknown), no reason"),
        ([], "", "code = [] (unknown), no reason"),
        (1000, "déjà vu", "code = 1000 (OK), reason = déjà vu"),
        (1000, "\x1b[2J", r"code = 1000 (OK), reason = '\x1b[2J'"),
    ],
)
def test_format_close(code, reason, text):
    assert format_close(code, reason) == text


def test_all_standard_codes_have_a_name():
    for code in range(1000, 1016):
        assert "unknown" not in format_close(code, "")
