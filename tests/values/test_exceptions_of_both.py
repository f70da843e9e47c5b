"""One exception for programs of both generations: either ``except`` form gets what it reads."""

import copy
import pickle

import pytest

from websockets import exceptions
from websockets.datastructures import Headers
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHeader,
    InvalidHeaderValue,
    InvalidState,
    InvalidStatus,
    InvalidStatusCode,
    InvalidURI,
    PayloadTooBig,
    TooManyFragments,
)
from websockets.frames import Close
from websockets.http11 import Response

pytestmark = pytest.mark.one_backend

RESPONSE = Response(403, "Forbidden", Headers(A="b"), b"no")


@pytest.mark.parametrize(
    "exc",
    [
        InvalidStatus(RESPONSE),
        InvalidStatusCode(403, RESPONSE.headers),
        InvalidStatusCode(403, RESPONSE.headers, RESPONSE),
    ],
    ids=["of today", "of 8.1", "of both"],
)
def test_a_status_is_read_in_both_ways(exc):
    with pytest.raises(InvalidStatus) as raised:
        raise exc
    assert raised.value.response.status_code == 403
    assert raised.value.response.headers["a"] == "b"
    assert raised.value.response.body == (b"no" if RESPONSE in exc.args else b"")
    assert raised.value.status_code == 403
    assert raised.value.headers["a"] == "b"
    assert str(exc) == "server rejected WebSocket connection: HTTP 403"


def test_a_status_of_8_1_is_caught_in_both_ways():
    for caught in (InvalidStatus, InvalidStatusCode):
        with pytest.raises(caught):
            raise InvalidStatusCode(403)
    exc = InvalidStatusCode(500)
    assert (exc.status_code, exc.headers, exc.args) == (500, None, (500, None))
    assert exc.response == Response(500, "", Headers())


# A connection that is closed

SENT, RCVD = Close(1000, ""), Close(1001, "bye")


@pytest.mark.parametrize("cls", [ConnectionClosed, ConnectionClosedError, ConnectionClosedOK])
@pytest.mark.parametrize(
    "args, text, code, reason",
    [
        ((None, None), "no close frame received or sent", 1006, ""),
        ((None, SENT), "sent 1000 (OK); no close frame received", 1006, ""),
        ((RCVD, None), "received 1001 (going away) bye; no close frame sent", 1001, "bye"),
        ((RCVD, SENT, True), "received 1001 (going away) bye; then sent 1000 (OK)", 1001, "bye"),
        ((RCVD, SENT, False), "sent 1000 (OK); then received 1001 (going away) bye", 1001, "bye"),
    ],
)
def test_two_close_frames(cls, args, text, code, reason):
    exc = cls(*args)
    assert str(exc) == text
    assert exc.args == args
    assert (exc.rcvd, exc.sent) == args[:2]
    assert exc.rcvd_then_sent is (args[2] if args[2:] else None)
    # Without a warning: these are 8.1's own.
    assert (exc.code, exc.reason) == (code, reason)
    for clone in (copy.copy(exc), pickle.loads(pickle.dumps(exc))):
        assert (type(clone), clone.args, vars(clone)) == (cls, args, vars(exc))


def test_close_frames_by_name():
    exc = ConnectionClosedError(rcvd=None, sent=None)
    assert (exc.rcvd, exc.sent, exc.code) == (None, None, 1006)
    exc = ConnectionClosedOK(rcvd=RCVD, sent=SENT, rcvd_then_sent=True)
    assert exc.args == (RCVD, SENT, True)
    exc = ConnectionClosedOK(RCVD, sent=SENT, rcvd_then_sent=False)
    assert exc.args == (RCVD, SENT, False)
    exc = ConnectionClosedOK(code=1001, reason="bye")
    assert (exc.rcvd, exc.sent, exc.code, exc.reason) == (RCVD, None, 1001, "bye")
    for kwargs in ({}, {"rcvd": None}, {"sent": None}, {"rcvd": None, "sent": None, "other": 1}):
        with pytest.raises(TypeError):
            ConnectionClosed(**kwargs)


@pytest.mark.parametrize(
    "args",
    [(None, None, True), (RCVD, None, False), (None, SENT, True), (RCVD, SENT), (RCVD, SENT, None)],
)
def test_an_order_is_told_of_two_frames(args):
    with pytest.raises(AssertionError):
        ConnectionClosed(*args)


# What is too big


def test_a_size_that_is_known_later():
    exc = PayloadTooBig(5, 4)
    assert (exc.size, exc.max_size, exc.current_size, exc.message) == (5, 4, None, None)
    exc.set_current_size(3)
    assert str(exc) == "frame with 5 bytes after reading 3 bytes exceeds limit of 7 bytes"
    assert (exc.size, exc.max_size, exc.current_size) == (5, 7, 3)
    assert vars(copy.copy(exc)) == vars(exc) == vars(PayloadTooBig(5, 4, 3))


def test_a_text_needs_no_size():
    exc = PayloadTooBig("too big")
    exc.set_current_size(3)
    assert (str(exc), exc.args, exc.message) == ("too big", ("too big",), "too big")


def test_too_many_fragments():
    assert TooManyFragments(9).max_fragments == 9


# Other classes that programs catch


@pytest.mark.parametrize(
    "exc, builtin",
    [
        (InvalidState("a"), AssertionError),
        (ConcurrencyError("a"), RuntimeError),
        (InvalidURI("a", "b"), ValueError),
    ],
)
def test_some_are_builtin_exceptions_too(exc, builtin):
    assert isinstance(exc, builtin)
    assert isinstance(exc, exceptions.WebSocketException)


def test_arguments_are_those_that_were_given():
    assert InvalidURI("a").args == ("a",)
    assert InvalidURI("a", "b").args == ("a", "b")
    assert InvalidHeader("a").args == ("a",)
    assert InvalidHeader("a", "").args == ("a", "")
    assert repr(InvalidHeaderValue("a", "b")) == "InvalidHeaderValue('a', 'b')"


def test_whose_value_was_wrong():
    assert InvalidHeaderValue("a", "b").sending is False
    with pytest.raises(InvalidHeaderValue) as raised:
        Headers(A="\n")
    assert raised.value.sending is True
    assert raised.value.args == ("A", "\n")


def test_all_have_one_home():
    for name in exceptions.__all__:
        assert getattr(exceptions, name).__module__ == "websockets.exceptions"
