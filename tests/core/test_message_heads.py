"""
Heads of requests and responses of every kind: what is beyond those that can open a connection.
"""

import pytest
from cutting import every_cut

from websockets.exceptions import (
    HeaderLineTooLong,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyHeaders,
)


def read(core, pieces, *arguments):
    head = core.heads.MessageHeadReader(*arguments)
    *before, last = [piece for piece in pieces if piece]
    for piece in before:
        assert head.feed(piece) is False
    assert head.feed(last) is True
    return head


def refusal(core, wire, *arguments):
    """Return the class and the text of a refusal, which is the same in any cut."""
    found = set()
    for pieces in every_cut(wire) if len(wire) < 200 else [[wire]]:
        head = core.heads.MessageHeadReader(*arguments)
        with pytest.raises((ValueError, SecurityError)) as raised:
            for piece in pieces:
                assert head.feed(piece) is False
        found.add((type(raised.value), str(raised.value)))
    (one,) = found
    return one


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "M-SEARCH"])
@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/1.0"])
def test_requests(core, method, protocol):
    wire = f"{method} /a?b {protocol}\r\nX: é\r\nX:\r\n\r\nrest".encode("latin-1")
    for pieces in every_cut(wire[:-4]):
        head = read(core, pieces)
        assert (head.method, head.path, head.protocol) == (method, "/a?b", protocol)
        assert list(head.headers.raw_items()) == [("X", "é"), ("X", "")]
    assert read(core, [wire]).rest == b"rest"


def test_responses(core):
    for pieces in every_cut(b"HTTP/1.1 404 Non trouv\xe9\r\nX: \xff\r\n\r\n"):
        head = read(core, pieces, True)
        assert (head.status, head.reason) == (404, "Non trouvé")
        assert head.headers["X"] == "ÿ"
    assert read(core, [b"HTTP/1.1 200 \r\n\r\n"], True).reason == ""


def test_responses_of_an_older_version(core):
    assert read(core, [b"HTTP/1.0 200 OK\r\n\r\n"], True, True).status == 200
    assert refusal(core, b"HTTP/1.0 200 OK\r\n", True)[0] is ValueError


def test_when_it_has_started(core):
    head = core.heads.MessageHeadReader()
    assert not head.started
    head.feed(b"GET / HTTP/1.1\r")
    assert not head.started
    head.feed(b"\n")
    assert head.started


@pytest.mark.parametrize(
    "wire, response, text",
    [
        (b"\r\n", False, "invalid HTTP request line: "),
        (b"GET /\r\n", False, "invalid HTTP request line: GET /"),
        (b"G(T / HTTP/1.1\r\n", False, "invalid HTTP request line: G(T / HTTP/1.1"),
        (
            b"GET / HTTP/2.0\r\n",
            False,
            "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: GET / HTTP/2.0",
        ),
        (b"HTTP/1.1 200\r\n", True, "invalid HTTP status line: HTTP/1.1 200"),
        (b"GET / HTTP/1.1\r\nX\r\n", False, "invalid HTTP header line: X"),
        (b"GET / HTTP/1.1\r\nX : y\r\n", False, "invalid HTTP header name: X "),
        (b"GET / HTTP/1.1\r\nX: \x7f\r\n", False, r"invalid HTTP header value: '\x7f'"),
        (b"GET / HTTP/1.1\n", False, "line isn't terminated by CRLF"),
    ],
)
def test_what_is_malformed(core, wire, response, text):
    cls, said = refusal(core, wire, response)
    assert issubclass(cls, ValueError)
    assert said == text


@pytest.mark.parametrize(
    "start, response, cls",
    [
        (b"GET /", False, RequestLineTooLong),
        (b"HTTP/1.1 200 ", True, StatusLineTooLong),
        (b"GET / HTTP/1.1\r\nX: ", False, HeaderLineTooLong),
        (b"HTTP/1.1 200 OK\r\nX: ", True, HeaderLineTooLong),
    ],
)
def test_lines_have_8192_bytes_at_most(core, start, response, cls):
    line = start.rpartition(b"\n")[2]
    fits = start + b"a" * (8192 - len(line) - 2)
    head = core.heads.MessageHeadReader(response)
    try:
        assert head.feed(fits + b"\r\n") is False
    except ValueError:
        assert line == b"GET /"  # There is no version, but it isn't too long.
    expected = cls, "read 8193 bytes, expected no more than 8192 bytes"
    assert refusal(core, fits + b"a\r\n", response) == expected


def test_there_are_128_headers_at_most(core):
    lines = b"X: y\r\n" * 128
    assert len(read(core, [b"GET / HTTP/1.1\r\n" + lines + b"\r\n"]).headers.get_all("X")) == 128
    expected = TooManyHeaders, "expected no more than 128 headers"
    assert refusal(core, b"GET / HTTP/1.1\r\n" + lines + b"X: y\r\n") == expected


def test_a_head_may_be_as_long_as_its_lines_allow(core):
    line = b"X: " + b"a" * 8000 + b"\r\n"
    wire = b"GET / HTTP/1.1\r\n" + line * 120 + b"\r\n"
    assert len(read(core, [wire]).headers.get_all("X")) == 120
    pieces = [wire[start : start + 50_000] for start in range(0, len(wire), 50_000)]
    assert len(read(core, pieces).headers.get_all("X")) == 120
