"""Requests and responses as values, read by generators."""

import pytest
from generators import SHORT, read

from websockets import http11
from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import (
    HeaderLineTooLong,
    InvalidHeaderValue,
    RequestLineTooLong,
    SecurityError,
    StatusLineTooLong,
    TooManyHeaders,
)
from websockets.http11 import Request, Response

pytestmark = pytest.mark.one_backend


def request(data, **options):
    return read(lambda s: Request.parse(s.read_line), data, **options)


def response(data, proxy=False, **options):
    def parse(stream):
        readers = stream.read_line, stream.read_exact, stream.read_to_eof
        return Response.parse(*readers, proxy=proxy)

    return read(parse, data, **options)


@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_request(step):
    data = b"GET /a?b=c HTTP/1.1\r\nHost: here\r\nA:1\r\na: \t2 \r\n\r\nrest"
    found, rest = request(data, step=step)
    headers = Headers([("Host", "here"), ("A", "1"), ("a", "2")])
    assert found == Request("/a?b=c", headers)
    assert (found.method, found.protocol) == ("GET", "HTTP/1.1")
    assert list(found.headers.raw_items()) == list(headers.raw_items())
    assert rest == b"rest"


@pytest.mark.parametrize(
    "line, method, protocol",
    [
        (b"POST / HTTP/1.1", "POST", "HTTP/1.1"),
        (b"GET / HTTP/1.0", "GET", "HTTP/1.0"),
        (b"get / HTTP/1.1", "get", "HTTP/1.1"),
    ],
)
def test_what_a_request_asks_for_is_not_judged(line, method, protocol):
    found, _ = request(line + b"\r\n\r\n")
    assert (found.method, found.protocol) == (method, protocol)


@pytest.mark.parametrize(
    "head, text",
    [
        ("GET /", "invalid HTTP request line: GET /"),
        ("", "invalid HTTP request line: "),
        ("G(T / HTTP/1.1", "invalid HTTP request line: G(T / HTTP/1.1"),
        (" / HTTP/1.1", "invalid HTTP request line:  / HTTP/1.1"),
        ("GET  HTTP/1.1", "invalid HTTP request line: GET  HTTP/1.1"),
        ("GET /\x7f HTTP/1.1", r"invalid HTTP request line: 'GET /\x7f HTTP/1.1'"),
        (
            "GET /é HTTP/1.1",
            "'ascii' codec can't decode byte 0xe9 in position 1: ordinal not in range(128)",
        ),
        (
            "GET / HTTP/2.0",
            "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: GET / HTTP/2.0",
        ),
        (
            "GET /a b HTTP/1.1",
            "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: GET /a b HTTP/1.1",
        ),
        (
            "GET / http/1.1",
            "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: GET / http/1.1",
        ),
        ("GET / HTTP/1.1\r\nab", "invalid HTTP header line: ab"),
        ("GET / HTTP/1.1\r\na: b\r\n c", "invalid HTTP header line:  c"),
        ("GET / HTTP/1.1\r\na: b\r\n c: d", "invalid HTTP header name:  c"),
        ("GET / HTTP/1.1\r\na : b", "invalid HTTP header name: a "),
        ("GET / HTTP/1.1\r\n: b", "invalid HTTP header name: "),
        ("GET / HTTP/1.1\r\na: \0", r"invalid HTTP header value: '\x00'"),
        ("GET / HTTP/1.1\r\na: b\rc", r"invalid HTTP header value: 'b\rc'"),
        ("GET / HTTP/1.1\r\nContent-Length: 3", "unsupported request body"),
        ("GET / HTTP/1.1\r\nContent-Length: x", "unsupported request body"),
        ("GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 1", "unsupported request body"),
    ],
)
def test_an_invalid_request(head, text):
    with pytest.raises(ValueError) as raised:
        request(head.encode("latin-1") + b"\r\n\r\n", eof=True)
    assert str(raised.value) == text


@pytest.mark.parametrize("coding", ["chunked", "identity", "gzip, chunked"])
def test_a_request_has_no_transfer_coding(coding):
    with pytest.raises(NotImplementedError, match="^transfer codings aren't supported$"):
        request(f"GET / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n".encode())


def test_a_body_of_no_bytes_is_none():
    found, _ = request(b"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
    assert found.headers == Headers({"Content-Length": "0"})


def test_values_are_latin_1():
    found, _ = request(b"GET / HTTP/1.1\r\na: \x80\xe9\xff\tb\r\n\r\n")
    assert found.headers["a"] == "\x80\xe9\xff\tb"
    assert found.serialize() == b"GET / HTTP/1.1\r\na: \x80\xe9\xff\tb\r\n\r\n"


@pytest.mark.parametrize(
    "data, what, cause",
    [
        (b"", "request line", "stream ends after 0 bytes, before end of line"),
        (b"GET / HT", "request line", "stream ends after 8 bytes, before end of line"),
        (b"GET / HTTP/1.1\n", "request line", "line without CRLF"),
        (b"GET / HTTP/1.1\r\n", "headers", "stream ends after 0 bytes, before end of line"),
        (b"GET / HTTP/1.1\r\na: b", "headers", "stream ends after 4 bytes, before end of line"),
        (b"GET / HTTP/1.1\r\na: b\n\r\n", "headers", "line without CRLF"),
    ],
)
def test_a_request_that_ends_too_early(data, what, cause):
    with pytest.raises(EOFError) as raised:
        request(data, eof=True)
    assert str(raised.value) == f"connection closed while reading HTTP {what}"
    assert str(raised.value.__cause__) == cause


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\na: b\r\n"])
def test_a_request_that_is_not_complete(data):
    assert request(data)[0] is SHORT


def test_limits_of_a_request():
    line = b"GET /%s HTTP/1.1\r\n"
    most = 8192 - len(line % b"")
    assert len(request(line % (b"a" * most) + b"\r\n")[0].path) == most + 1
    with pytest.raises(RequestLineTooLong) as raised:
        request(line % (b"a" * (most + 1)))
    assert str(raised.value) == "read 8193 bytes, expected no more than 8192 bytes"
    with pytest.raises(RequestLineTooLong):
        request(b"G" * 8193)

    start = line % b""
    assert request(start + b"a: " + b"b" * 8187 + b"\r\n\r\n")[0].headers["a"] == "b" * 8187
    with pytest.raises(HeaderLineTooLong) as raised:
        request(start + b"a: " + b"b" * 8188 + b"\r\n\r\n")
    assert str(raised.value) == "read 8193 bytes, expected no more than 8192 bytes"

    assert len(request(start + b"a: b\r\n" * 128 + b"\r\n")[0].headers.get_all("a")) == 128
    with pytest.raises(TooManyHeaders) as raised:
        request(start + b"a: b\r\n" * 129)
    assert str(raised.value) == "expected no more than 128 headers"


@pytest.mark.parametrize("step", [None, 1, 7])
def test_a_response(step):
    data = b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\nrest"
    found, rest = response(data, step=step)
    assert found == Response(101, "Switching Protocols", Headers(A="b"))
    assert (found.body, rest) == (b"", b"rest")


@pytest.mark.parametrize(
    "head, text",
    [
        ("HTTP/1.1", "invalid HTTP status line: HTTP/1.1"),
        ("HTTP/1.1 200", "invalid HTTP status line: HTTP/1.1 200"),
        ("HTTP/1.0 200 OK", "unsupported protocol; expected HTTP/1.1: HTTP/1.0 200 OK"),
        ("HTTP/2.0 200 OK", "unsupported protocol; expected HTTP/1.1: HTTP/2.0 200 OK"),
        ("HTTP/1.1 abc OK", "invalid status code; expected integer; got abc"),
        ("HTTP/1.1  200 OK", "invalid status code; expected integer; got "),
        ("HTTP/1.1 99 x", "invalid status code; expected 100–599; got 99"),
        ("HTTP/1.1 600 x", "invalid status code; expected 100–599; got 600"),
        ("HTTP/1.1 020 x", "invalid status code; expected 100–599; got 020"),
        ("HTTP/1.1 200 \0", r"invalid HTTP reason phrase: '\x00'"),
        ("HTTP/1.1 200 OK\r\nab", "invalid HTTP header line: ab"),
    ],
)
def test_an_invalid_response(head, text):
    with pytest.raises(ValueError) as raised:
        response(head.encode("latin-1") + b"\r\n\r\n", eof=True)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    "line, reason", [(b"200 OK", "OK"), (b"200 ", ""), (b"599 \xe9\tx", "é\tx")]
)
def test_reason_phrases(line, reason):
    assert response(b"HTTP/1.1 " + line + b"\r\n\r\n", eof=True)[0].reason_phrase == reason


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("step", [None, 1, 3])
@pytest.mark.parametrize(
    "behind, body, rest",
    [
        (b"\r\nbody", b"body", b""),
        (b"Content-Length: 3\r\n\r\nbody", b"bod", b"y"),
        (b"Content-Length: 0\r\n\r\nbody", b"", b"body"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\nrest", b"abc", b"rest"),
        (CHUNKED + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789", b""),
        (CHUNKED + b"000000000000003\r\nabc\r\n0;e\r\nT: r\r\n\r\nrest", b"abc", b"rest"),
        (b"Content-Length: 9\r\n" + CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"abc", b""),
    ],
)
def test_bodies(behind, body, rest, step):
    found, left = response(b"HTTP/1.1 200 OK\r\n" + behind, eof=True, step=step)
    assert (found.body, left) == (body, rest)


@pytest.mark.parametrize("status", [100, 101, 204, 304])
def test_statuses_without_a_body(status):
    head = f"HTTP/1.1 {status} x\r\nContent-Length: 3\r\n\r\n".encode()
    found, rest = response(head + b"abc")
    assert (found.body, type(found.body), rest) == (b"", bytes, b"abc")


@pytest.mark.parametrize(
    "behind, error, text",
    [
        (b"Content-Length: 5\r\n\r\nbody", EOFError, "stream ends after 4 bytes, expected 5 bytes"),
        (b"Content-Length: a\r\n\r\n", SecurityError, "invalid content length: a"),
        (b"Content-Length: -1\r\n\r\n", SecurityError, "invalid content length: -1"),
        (b"Content-Length: 1, 1\r\n\r\n", SecurityError, "invalid content length: 1, 1"),
        (
            b"Content-Length: " + b"1" * 19 + b"\r\n\r\n",
            SecurityError,
            "invalid content length: " + "1" * 19,
        ),
        (
            b"Content-Length: " + b"1" * 18 + b"\r\n\r\n",
            SecurityError,
            "body too large: " + "1" * 18 + " bytes",
        ),
        (b"Content-Length: 1048577\r\n\r\n", SecurityError, "body too large: 1048577 bytes"),
        (
            b"\r\n" + bytes(2**20 + 1),
            SecurityError,
            "read 1048577 bytes, expected no more than 1048576 bytes",
        ),
        (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", ValueError, "chunk without CRLF"),
        (CHUNKED + b"x\r\n", SecurityError, "invalid chunk size: x"),
        (CHUNKED + b"+3\r\nabc\r\n", SecurityError, "invalid chunk size: +3"),
        (CHUNKED + b"0x3\r\nabc\r\n", SecurityError, "invalid chunk size: 0x3"),
        (CHUNKED + b"\r\nabc\r\n", SecurityError, "invalid chunk size: "),
        (
            CHUNKED + b"0" * 15 + b"3\r\nabc\r\n",
            SecurityError,
            "invalid chunk size: 0000000000000003",
        ),
        (
            CHUNKED + b"100001\r\n",
            SecurityError,
            "chunk too large: 1048577 bytes after 0 bytes",
        ),
        (
            CHUNKED + b"3\r\nabc\r\n100000\r\n",
            SecurityError,
            "chunk too large: 1048576 bytes after 3 bytes",
        ),
        (CHUNKED + b"3\r\nab", EOFError, "stream ends after 2 bytes, expected 3 bytes"),
        (
            b"Transfer-Encoding: gzip\r\n\r\n",
            NotImplementedError,
            "transfer coding gzip isn't supported",
        ),
    ],
)
def test_bodies_that_cannot_be_read(behind, error, text):
    with pytest.raises(error) as raised:
        response(b"HTTP/1.1 200 OK\r\n" + behind, eof=True)
    assert type(raised.value) is error
    assert str(raised.value) == text


@pytest.mark.parametrize("header", [b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_length_that_is_told_twice(header):
    with pytest.raises(MultipleValuesError):
        response(b"HTTP/1.1 200 OK\r\n" + header * 2 + b"\r\na", eof=True)


def test_a_body_of_the_largest_size():
    found, _ = response(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2**20), eof=True)
    assert found.body == bytes(2**20)


def test_limits_of_a_response():
    with pytest.raises(StatusLineTooLong):
        response(b"HTTP/1.1 200 " + b"a" * 8192)
    with pytest.raises(HeaderLineTooLong):
        response(b"HTTP/1.1 200 OK\r\na: " + b"a" * 8192)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_what_a_proxy_answers_has_no_body(version):
    data = b"HTTP/%s 200 OK\r\nContent-Length: 2\r\n\r\nbody" % version
    found, rest = response(data, proxy=True)
    assert (found.status_code, found.body, rest) == (200, b"", b"body")


def test_what_a_proxy_answers_has_a_version():
    with pytest.raises(ValueError) as raised:
        response(b"HTTP/0.9 200 OK\r\n\r\n", proxy=True)
    text = "unsupported protocol; expected HTTP/1.1 or HTTP/1.0: HTTP/0.9 200 OK"
    assert str(raised.value) == text


# Writing


def test_a_request_is_written():
    assert Request("/a", Headers(A="b")).serialize() == b"GET /a HTTP/1.1\r\nA: b\r\n\r\n"
    other = Request("/", Headers(), "POST", "HTTP/1.0")
    assert other.serialize() == b"POST / HTTP/1.0\r\n\r\n"
    with pytest.raises(UnicodeEncodeError):
        Request("/é", Headers()).serialize()


@pytest.mark.parametrize("body", [b"abc", bytearray(b"abc")])
def test_a_response_is_written(body):
    found = Response(200, "OK", Headers(A="é"), body)
    assert found.serialize() == b"HTTP/1.1 200 OK\r\nA: \xe9\r\n\r\nabc"
    assert Response(404, "", Headers()).serialize() == b"HTTP/1.1 404 \r\n\r\n"


@pytest.mark.parametrize("value", ["a\r\nb", "\0", "日"])
def test_headers_cannot_smuggle_in_others(value):
    found = Response(200, "OK", Headers())
    with pytest.raises(InvalidHeaderValue):
        found.headers["A"] = value


# Programs of today


def test_values_can_be_compared_and_changed():
    found = Response(200, "OK", Headers())
    assert found == Response(200, "OK", Headers(), b"")
    found.status_code = 204
    found.headers["A"] = "b"
    assert found != Response(200, "OK", Headers())
    del found.headers["A"]
    assert found == Response(204, "OK", Headers())


@pytest.mark.parametrize(
    "value, protocol",
    [(Request("/", Headers()), "Server"), (Response(200, "OK", Headers()), "Client")],
    ids=["request", "response"],
)
def test_the_exception_of_a_message_is_elsewhere_now(value, protocol):
    text = f"^{type(value).__name__}.exception is deprecated; "
    text += f"use {protocol}Protocol.handshake_exc instead$"
    with pytest.warns(DeprecationWarning, match=text):
        assert value.exception is None


def test_constants():
    assert http11.__all__ == ["SERVER", "USER_AGENT", "Request", "Response"]
    limits = http11.MAX_NUM_HEADERS, http11.MAX_LINE_LENGTH, http11.MAX_BODY_SIZE
    assert limits == (128, 8192, 2**20)
    assert http11.SERVER == http11.USER_AGENT == f"Python/{http11.PYTHON_VERSION} websockets/17.4"


def test_bytes_for_messages():
    assert http11.d(b"a\xffb") == r"a\xffb"
    assert http11.d("é".encode()) == "é"
