"""
HTTP/1.1 heads (RFC 9112 sections 2 to 5): the grammar, the limits, and what each refusal carries.
"""

import pytest
from cutting import cut, every_cut, positions
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets import _core
from websockets.exceptions import SecurityError

REQUEST = (
    b"GET /chat?room=1 HTTP/1.1\r\n"
    b"Host: server.example.com\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: chat\r\n"
    b"Sec-WebSocket-Protocol: superchat\r\n"
    b"\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"\r\n"
)


def read(core, pieces, response=False):
    """Feed a head whose last byte is in the last piece."""
    head = core.heads.HeadReader(response)
    *before, last = [piece for piece in pieces if piece]
    for piece in before:
        assert head.feed(piece) is False
    assert head.feed(last) is True
    return head


def with_fields(*lines):
    return b"GET / HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def outcome(core, pieces, response=False):
    """Return what a head says, or how it was refused."""
    head = core.heads.HeadReader(response)
    complete = False
    rest = b""
    for piece in pieces:
        if complete:
            rest += piece
            continue
        try:
            complete = head.feed(piece)
        except (ValueError, SecurityError) as exc:
            return type(exc).__name__, exc.status, str(exc)
    said = head.path, head.status, head.reason, list(head.headers.raw_items())
    return complete and (*said, head.rest + rest)


def refusal(core, data, response=False):
    """Return the status and the text of a refusal, which is the same in any cut."""
    name, status, text = outcome(core, [data], response)
    if len(data) < 1000:
        for pieces in every_cut(data):
            assert outcome(core, pieces, response) == (name, status, text)
    return name, status, text


# What is well-formed


def test_a_request_in_every_cut(core):
    for pieces in every_cut(REQUEST):
        head = read(core, pieces)
        assert head.path == "/chat?room=1"
        assert list(head.headers.raw_items()) == [
            ("Host", "server.example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Protocol", "chat"),
            ("Sec-WebSocket-Protocol", "superchat"),
        ]
        assert head.headers.get_all("sec-websocket-protocol") == ["chat", "superchat"]
        assert head.rest == b""


def test_a_response_in_every_cut(core):
    for pieces in every_cut(RESPONSE):
        head = read(core, pieces, response=True)
        assert (head.status, head.reason) == (101, "Switching Protocols")
        assert head.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert len(head.headers) == 3
        assert head.rest == b""


@pytest.mark.parametrize("wire, response", [(REQUEST, False), (RESPONSE, True)])
def test_an_incomplete_head(core, wire, response):
    for end in range(len(wire)):
        assert core.heads.HeadReader(response).feed(wire[:end]) is False


@pytest.mark.parametrize("wire, response", [(REQUEST, False), (RESPONSE, True)])
@pytest.mark.parametrize("rest", [b"\x81\x05Hello", b"\r\n\r\n", b"\n", b"\x00" * 100_000])
def test_bytes_behind_the_head(core, wire, response, rest):
    for start in [0, 1, len(wire) - 3, len(wire) - 2, len(wire) - 1]:
        head = core.heads.HeadReader(response)
        assert head.feed(wire[:start]) is False
        assert head.feed(wire[start:] + rest) is True
        assert head.rest == rest
        assert type(head.rest) is bytes


def test_a_head_without_fields(core):
    assert len(read(core, [b"GET / HTTP/1.1\r\n\r\n"]).headers) == 0
    assert len(read(core, [b"HTTP/1.1 200 OK\r\n\r\n"], response=True).headers) == 0


def test_heads_do_not_share_their_fields(core):
    read(core, [REQUEST])
    assert len(core.heads.HeadReader().headers) == 0


@pytest.mark.parametrize(
    "line, status, reason",
    [
        (b"HTTP/1.1 200 OK", 200, "OK"),
        (b"HTTP/1.1 200 ", 200, ""),
        (b"HTTP/1.1 200", 200, ""),
        (b"HTTP/1.1 101  two  blanks ", 101, " two  blanks "),
        (b"HTTP/1.1 404 Not\tFound", 404, "Not\tFound"),
        (b"HTTP/1.1 599 \xc3\xa9t\xe9", 599, "\udcc3\udca9t\udce9"),
        (b"HTTP/1.1 999 ~", 999, "~"),
    ],
)
def test_status_lines(core, line, status, reason):
    for pieces in every_cut(line + b"\r\n\r\n"):
        head = read(core, pieces, response=True)
        assert (head.status, head.reason) == (status, reason)


@pytest.mark.parametrize(
    "target, path",
    [
        (b"/", "/"),
        (b"*", "*"),
        (b"http://example.com/a?b#c", "http://example.com/a?b#c"),
        (b"/%C3%A9?a=%20", "/%C3%A9?a=%20"),
        (b"/\xc3\xa9\xff", "/\udcc3\udca9\udcff"),
        (b"//..//<>\"'", "//..//<>\"'"),
    ],
)
def test_request_targets_are_left_as_they_are(core, target, path):
    assert read(core, [b"GET " + target + b" HTTP/1.1\r\n\r\n"]).path == path


@pytest.mark.parametrize(
    "line, name, value",
    [
        (b"Name: value", "Name", "value"),
        (b"Name:value", "Name", "value"),
        (b"Name: \t value \t ", "Name", "value"),
        (b"Name:", "Name", ""),
        (b"Name: \t", "Name", ""),
        (b"Name: a:b: c", "Name", "a:b: c"),
        (b"Name: a \t b", "Name", "a \t b"),
        (b"!#$%&'*+-.^_`|~09azAZ: 1", "!#$%&'*+-.^_`|~09azAZ", "1"),
        (b"Name: \xc3\xa9\x80\xff", "Name", "\udcc3\udca9\udc80\udcff"),
        (b"Name: \xa0value\xa0", "Name", "\udca0value\udca0"),
    ],
)
def test_fields(core, line, name, value):
    for pieces in every_cut(with_fields(line)):
        assert list(read(core, pieces).headers.raw_items()) == [(name, value)]


def test_what_is_not_ascii_can_be_had_back(core):
    head = read(core, [with_fields(b"Name: " + bytes(range(128, 256)))])
    assert head.headers["Name"].encode("ascii", "surrogateescape") == bytes(range(128, 256))


# What is malformed


def test_empty_lines_before_a_request_are_ignored_but_not_before_a_response(core):
    head = core.heads.HeadReader()
    assert head.feed(b"\r\n" * 3 + b"GET / HTTP/1.1\r\n\r\n") and head.path == "/"
    assert refusal(core, b"\r\n" * 40_000)[1] == 431
    assert refusal(core, b"\r\nHTTP/1.1 200 OK\r\n\r\n", response=True)[1] == 400


@pytest.mark.parametrize(
    "line",
    [
        b"GET",
        b"GET /",
        b"GET  HTTP/1.1",
        b"GET / ",
        b"GET /  HTTP/1.1",
        b"GET  / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET\t/\tHTTP/1.1",
        b"GET / a HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\r HTTP/1.1",
        b"GET / http/1.1",
        b"GET / HTTP/1",
        b"GET / HTTP/1.1.1",
        b"GET / HTTP/11",
        b"GET / HTTP/1.10",
        b"GET / HTTP/ 1.1",
        b"GET / HTTPS/1.1",
        b"GET / HTTP/1.\xb2",
        b"G(T / HTTP/1.1",
        b"\xc9 / HTTP/1.1",
        b"HTTP/1.1 200 OK",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
)
def test_malformed_request_lines(core, line):
    name, status, text = refusal(core, line + b"\r\n")
    assert (name, status) == ("MalformedHead", 400)
    assert text == f"malformed request line: {str(line)[1:]}"


@pytest.mark.parametrize("method", [b"POST", b"HEAD", b"get", b"OPTIONS", b"X-!"])
def test_other_methods(core, method):
    expected = "MalformedHead", 405, f"unsupported HTTP method: {str(method)[1:]}"
    assert refusal(core, method + b" / HTTP/1.1\r\n") == expected
    # Whoever speaks another version gets the same answer.
    assert refusal(core, method + b" / HTTP/1.0\r\n") == expected


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2"])
def test_other_versions(core, version):
    expected = "MalformedHead", 505, f"unsupported HTTP version: {str(version)[1:]}"
    assert refusal(core, b"GET / " + version + b"\r\n") == expected
    assert refusal(core, version + b" 200 OK\r\n", response=True) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"HTTP/1.1",
        b"HTTP/1.1 ",
        b"HTTP/1.1 20",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 099 ?",
        b"HTTP/1.1 +20 ?",
        b"HTTP/1.1 2_0 ?",
        b"HTTP/1.1 \xb2\xb2\xb2 ?",
        b"HTTP/1.1 OK 200",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"HTTP/1.1 200\tOK",
        b" HTTP/1.1 200 OK",
        b"HTTP 200 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1 200 a\x00b",
        b"HTTP/1.1 200 a\x7fb",
        b"HTTP/1.1 200 a\rb",
        b"HTTP/1.1 200 a\x1bb",
        b"GET / HTTP/1.1",
    ],
)
def test_malformed_status_lines(core, line):
    name, status, text = refusal(core, line + b"\r\n", response=True)
    assert (name, status) == ("MalformedHead", 400)
    assert text == f"malformed status line: {str(line)[1:]}"


@pytest.mark.parametrize(
    "line",
    [
        b"Name",
        b": value",
        b":",
        b"Name : value",
        b"Name\t: value",
        b" Name: value",
        b"Na me: value",
        b"Na(me): value",
        b"N\xe9me: value",
        b"Na\x00me: value",
        b"Name: a\x00b",
        b"Name: a\x1bb",
        b"Name: a\x7fb",
        b"Name: a\rb",
        b"Name: a\x0bb",
        b"Name: a\r",
        b"\r",
    ],
)
def test_malformed_fields(core, line):
    text = f"malformed header field: {str(line)[1:]}"
    for data in [with_fields(line), with_fields(b"Host: x", line)]:
        assert refusal(core, data) == ("MalformedHead", 400, text)


@pytest.mark.parametrize("blank", [b" ", b"\t", b"  \t"])
def test_obsolete_folding_is_refused(core, blank):
    data = with_fields(b"Name: value", blank + b"continued: here")
    assert refusal(core, data)[:2] == ("MalformedHead", 400)
    assert refusal(core, with_fields(b"Name: value", blank))[:2] == ("MalformedHead", 400)


@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"\n\r",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\n",
        b"GET / HTTP/1.1\r\n\n",
        b"GET / HTTP/1.1\r\nName: a\nSmuggled: b\r\n\r\n",
        b"GET / HTTP/1.1\n\r",
    ],
)
def test_a_bare_line_feed_is_no_end_of_a_line(core, data):
    assert refusal(core, data) == ("MalformedHead", 400, "line isn't terminated by CRLF")


def test_what_is_wrong_is_refused_when_its_line_is_complete(core):
    head = core.heads.HeadReader()
    assert head.feed(b"POST / HTTP/1.1\r") is False
    with pytest.raises(core.heads.MalformedHead):
        head.feed(b"\n")


def test_kinds_of_refusals(core):
    assert issubclass(core.heads.MalformedHead, ValueError)
    assert issubclass(core.heads.HeadTooLarge, SecurityError)
    assert not issubclass(core.heads.HeadTooLarge, ValueError)
    assert core.heads.MalformedHead("text").status == 400
    assert core.heads.HeadTooLarge("text").status == 431


def test_a_refusal_quotes_a_part_of_a_long_line(core):
    _, _, text = outcome(core, [b"\x1b" + b"a" * 5000 + b"\r\n"])
    assert len(text) < 150
    assert text.isprintable()


# Limits


def chunks(data):
    """Ways to cut what is too long for every cut."""
    yield [data]
    yield cut(data, range(0, len(data), 1000))
    yield cut(data, [len(data) - 2])
    yield cut(data, [len(data) - 1])


def line_of(size, start, end=b""):
    """Build a line of so many bytes, its CRLF included."""
    return start + b"a" * (size - len(start) - len(end) - 2) + end + b"\r\n"


@pytest.mark.parametrize("size", [8191, 8192])
def test_the_longest_lines(core, size):
    wire = line_of(size, b"GET /", b" HTTP/1.1") + line_of(size, b"Name: ") + b"\r\n"
    for pieces in chunks(wire):
        head = read(core, pieces)
        assert len(head.path) == size - 14 - 1
        assert len(head.headers["Name"]) == size - 8
    wire = line_of(size, b"HTTP/1.1 200 ") + b"\r\n"
    for pieces in chunks(wire):
        assert len(read(core, pieces, response=True).reason) == size - 15


@pytest.mark.parametrize(
    "wire, response",
    [
        (line_of(8193, b"GET /", b" HTTP/1.1"), False),
        (line_of(8193, b"HTTP/1.1 200 "), True),
        (b"a" * 8193, False),
        (b"a" * 8193, True),
    ],
)
def test_a_start_line_that_is_too_long(core, wire, response):
    expected = "HeadTooLarge", 414, "start line exceeds 8192 bytes"
    for pieces in chunks(wire):
        assert outcome(core, pieces, response) == expected


@pytest.mark.parametrize("line", [line_of(8193, b"Name: "), b"a" * 8193])
def test_a_field_that_is_too_long(core, line):
    expected = "HeadTooLarge", 431, "header field exceeds 8192 bytes"
    for before in [b"", b"Host: x\r\n"]:
        for pieces in chunks(b"GET / HTTP/1.1\r\n" + before + line):
            assert outcome(core, pieces) == expected


def test_a_line_is_refused_before_it_ends(core):
    head = core.heads.HeadReader()
    assert head.feed(b"a" * 8192) is False
    with pytest.raises(core.heads.HeadTooLarge):
        head.feed(b"a")


@pytest.mark.parametrize("count", [127, 128])
def test_the_most_fields(core, count):
    lines = [b"Name%d: x" % number for number in range(count)]
    for pieces in chunks(with_fields(*lines)):
        assert len(read(core, pieces).headers) == count


def test_too_many_fields(core):
    wire = with_fields(*[b"Name: x"] * 129)
    for pieces in chunks(wire):
        expected = "HeadTooLarge", 431, "head has more than 128 header fields"
        assert outcome(core, pieces) == expected


def head_of(size):
    """Build a head of so many bytes, its last CRLF included."""
    wire = b"GET / HTTP/1.1\r\n" + line_of(8000, b"Name: ") * 8
    return wire + line_of(size - len(wire) - 2, b"Last: ") + b"\r\n"


@pytest.mark.parametrize("size", [65535, 65536])
def test_the_largest_head(core, size):
    wire = head_of(size)
    assert len(wire) == size
    for pieces in chunks(wire):
        assert len(read(core, pieces).headers.get_all("Name")) == 8


@pytest.mark.parametrize("size", [65537, 66000])
def test_a_head_that_is_too_large(core, size):
    for pieces in chunks(head_of(size)):
        expected = "HeadTooLarge", 431, "head exceeds 65536 bytes"
        assert outcome(core, pieces) == expected


def test_the_first_limit_that_is_exceeded_counts(core):
    start = b"GET / HTTP/1.1\r\n" + line_of(8000, b"Name: ") * 8
    wire = start + line_of(2000, b"Name: ") + line_of(8193, b"Name: ")
    for pieces in [cut(wire, [30_000]), cut(wire, [len(start)]), *chunks(wire)]:
        expected = "HeadTooLarge", 431, "head exceeds 65536 bytes"
        assert outcome(core, pieces) == expected


def test_bytes_behind_the_head_do_not_count(core):
    head = core.heads.HeadReader()
    assert head.feed(head_of(65536) + bytes(100_000)) is True
    assert len(head.rest) == 100_000


# Whatever comes, in whatever cut


tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=12).map(lambda value: bytes(byte for byte in value if byte > 31))
fields = st.builds(b"%s: %s\r\n".__mod__, st.tuples(tokens, values))
heads = st.builds(
    b"%s%s%s%s".__mod__,
    st.tuples(
        st.sampled_from([b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"HTTP/1.1 200 OK\r\n"]),
        st.lists(fields, max_size=4).map(b"".join),
        st.sampled_from([b"\r\n", b"\n", b"", b" \r\n"]),
        st.binary(max_size=4),
    ),
)


@settings(max_examples=150)
@given(data=heads | st.binary(max_size=60), positions=positions, response=st.booleans())
def test_any_cut_gives_the_same(core, data, positions, response):
    assert outcome(core, cut(data, positions), response) == outcome(core, [data], response)


# The compiled reader, held against the pure one


def story(core, pieces, response):
    """Return what a reader shows after each piece: what it has read, or how it refused it."""
    head = core.heads.HeadReader(response)
    shown = []
    for piece in pieces:
        try:
            complete = head.feed(piece)
        except (ValueError, SecurityError) as exc:
            return [*shown, (type(exc).__name__, str(exc), exc.status)]
        said = complete, head.path, head.status, head.reason, head.rest
        values = {name: head.headers.get_all(name) for name in head.headers}
        shown.append((*said, list(head.headers.raw_items()), values))
        if complete:
            break
    return shown


# Lines around the limits are drawn as sizes, so that they come often.
names = st.sampled_from([b"Host", b"HOST", b"Upgrade", b"X-Rare", b"x-rare"]) | tokens
long_fields = st.builds(line_of, st.sampled_from([8191, 8192, 8193]), st.just(b"Name: "))
many_fields = st.sampled_from([126, 127, 128, 129]).map(b"Name: x\r\n".__mul__)
long_heads = st.sampled_from([7, 8]).map(line_of(8192, b"Name: ").__mul__)
broken_fields = st.sampled_from([b"Host: a\n", b"Host : a\r\n", b" folded\r\n", b"Host: \x00\r\n"])
other_fields = st.builds(b"%s:%s\r\n".__mod__, st.tuples(names, values))
start_lines = st.sampled_from(
    [b"GET / HTTP/1.1\r\n"] * 4
    + [b"HTTP/1.1 101 Switching Protocols\r\n"] * 3
    + [b"\r\n\r\nGET /\xe9 HTTP/1.1\r\n", b"GET /\x7f HTTP/1.1\r\n", b"GET  HTTP/1.1\r\n"]
    + [b"POST / HTTP/1.1\r\n", b"HTTP/1.1 200\r\n", b"GET / HTTP/1.1\r"]
    + [b"GET / a HTTP/1.1\r\n", b"GET HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n", b"HTTP/1.1 20\r\n"]
    + [line_of(size, b"GET /", b" HTTP/1.1") for size in [8192, 8193]]
)
any_heads = st.builds(
    b"%s%s%s%s".__mod__,
    st.tuples(
        start_lines,
        st.lists(
            other_fields | other_fields | long_fields | many_fields | long_heads | broken_fields,
            max_size=6,
        ).map(b"".join),
        st.sampled_from([b"\r\n", b"\r\n", b"\r", b"\n", b""]),
        st.binary(max_size=4),
    ),
)


@settings(max_examples=300)
@given(data=st.data(), wire=any_heads | any_heads | st.binary(max_size=60))
def test_both_backends_tell_the_same(compiled_core, data, wire):
    response = data.draw(st.just(wire.startswith(b"HTTP")) | st.booleans())
    cuts = data.draw(st.lists(st.integers(0, len(wire)), max_size=20))
    pieces = cut(wire, cuts)
    pure = _core.load("pure")
    assert story(compiled_core, pieces, response) == story(pure, pieces, response)
