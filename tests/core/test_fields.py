"""
Taking header fields from bytes, and making bytes of them (RFC 9112 5), against a naive reading of
the grammar.
"""

from string import ascii_letters, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets.datastructures import Headers

TOKEN = f"!#$%&'*+-.^_`|~{digits}{ascii_letters}".encode()  # RFC 9110 5.6.2
CONTENT = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])  # RFC 9110 5.5


def naive(data, start, stop, longest, most, fields):
    """Take fields one by one and byte by byte, as the description says; return where they end."""
    for line in data[start:stop].split(b"\n")[:-1]:
        name, colon, value = line[:-1].partition(b":")
        if (
            len(fields) >= most
            or len(line) + 1 > longest
            or not (line.endswith(b"\r") and name and colon)
            or not set(name) <= set(TOKEN)
            or not set(value) <= set(CONTENT)
        ):
            break
        fields.append((name.decode(), value.strip(b" \t").decode("ascii", "surrogateescape")))
        start += len(line) + 1
    return start


def check(core, data, start=0, stop=None, longest=8192, most=128, before=()):
    """Take fields, and compare them and where they end with the naive reading."""
    stop = len(data) if stop is None else stop
    expected = list(before)
    end = naive(data, start, stop, longest, most, expected)
    headers = Headers(before)
    assert core.fields.take_fields(data, start, stop, longest, most, headers) == end
    assert list(headers.raw_items()) == expected
    # What was taken is found, too, as if it had been added by hand.
    assert headers == Headers(expected)
    for name, _ in expected:
        values = [value for other, value in expected if other.lower() == name.lower()]
        assert headers.get_all(name.swapcase()) == values
    return end


def test_every_byte_in_a_name_and_in_a_value(core):
    for byte in range(256):
        char = bytes([byte])
        for name in [char, b"a" + char, char + b"a", b"a" * 20 + char + b"a"]:
            check(core, name + b": value\r\n")
        # Compilers may have values looked through in steps of 16 or 32 bytes.
        for size in (*range(10), *range(14, 19), *range(30, 35)):
            for rest in [b"", b"a", b" ", b"a" * 20]:
                check(core, b"name:" + b"a" * size + char + rest + b"\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\n",
        b"name",
        b"name:",
        b"name:\n",
        b"name:\r",
        b":\r\n",
        b"a:\r\n",
        b"a:\r\n\r\n",
    ],
)
def test_short_data(core, data):
    check(core, data)


def test_limits(core):
    data = b"Host: a\r\nVia: b\r\nvia: cc\r\n\r\n"
    for start in range(len(data) + 2):
        for stop in range(len(data) + 2):
            check(core, data, start, stop)
    for longest in range(12):
        check(core, data, longest=longest)
    for most in range(5):
        check(core, data, most=most)
        check(core, data, most=most, before=[("VIA", "a"), ("Host", "b")])


def test_usual_names_share_one_string(core):
    names = []
    for _ in range(2):
        headers = Headers()
        core.fields.take_fields(b"Sec-WebSocket-Key: a\r\nX-Rare: b\r\n", 0, 99, 99, 9, headers)
        assert list(headers) == ["sec-websocket-key", "x-rare"]
        names.append([*headers, *[name for name, _ in headers.raw_items()]])
    assert names[0][0] is names[1][0]
    assert names[0][2] is names[1][2]


lines = st.builds(
    b"%s:%s%s".__mod__,
    st.tuples(
        st.sampled_from([b"Host", b"host", b"Upgrade", b"X", b"x", b"", b"a b", b"\xe9"]),
        st.binary(max_size=4) | st.text(" \tab", max_size=40).map(str.encode),
        st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b""]),
    ),
)


@settings(max_examples=150)
@given(
    data=st.lists(lines, max_size=6).map(b"".join),
    start=st.integers(0, 5),
    stop=st.none() | st.integers(0, 80),
    longest=st.sampled_from([8192, 8192, 10, 20]),
    most=st.sampled_from([128, 128, 2]),
    before=st.lists(st.sampled_from([("Host", "1"), ("x", "2")]), max_size=3),
)
def test_any_fields(core, data, start, stop, longest, most, before):
    check(core, data, start, stop, longest, most, before)


def naive_head(start_line, pairs):
    """Make a head, or return what is wrong with it."""
    for name, value in pairs:
        if not name or not set(name.encode("utf-8", "surrogateescape")) <= set(TOKEN):
            return "header name isn't a token"
        if any(ord(char) < 32 and char != "\t" or char == "\x7f" for char in value):
            return f"value of header {name} contains a control character"
    lines = [start_line, *(f"{name}: {value}" for name, value in pairs), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def unchecked(pairs):
    headers = Headers()
    for name, value in pairs:
        headers.set_insecure(name, value)
    return headers


names = st.sampled_from(["Host", "X", "x-y", "", "X Y", "é", "X:", "Caf\udce9"])
texts = st.text(st.sampled_from("a ~\t\r\n\0\x1f\x7f\x80é\udce9"), max_size=4)


@given(st.sampled_from(["GET / HTTP/1.1", "", "GET /é"]), st.lists(st.tuples(names, texts)))
def test_a_head_is_made_of_what_can_be_sent(core, start_line, pairs):
    headers = unchecked(pairs)
    expected = naive_head(start_line, pairs)
    if isinstance(expected, bytes):
        assert core.fields.make_head(start_line, headers) == expected
    else:
        with pytest.raises(ValueError, match=expected):
            core.fields.make_head(start_line, headers)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 33, 5000])
def test_a_head_is_as_long_as_its_fields(core, size):
    headers = Headers([("X" * (size or 1), "a" * size)] * 3)
    field = b"X" * (size or 1) + b": " + b"a" * size + b"\r\n"
    assert core.fields.make_head("first", headers) == b"first\r\n" + field * 3 + b"\r\n"
    assert core.fields.make_head("", Headers()) == b"\r\n\r\n"


class Text(str):
    """What isn't quite a string."""

    __slots__ = ()


@pytest.mark.parametrize("name, value", [(b"X", ""), ("X", b"a"), ("X", None), ("X", 1)])
def test_a_head_has_only_strings(core, name, value):
    headers = Headers([("Host", "fine"), (Text("X"), Text("fine"))])
    assert core.fields.make_head("a", headers) == b"a\r\nHost: fine\r\nX: fine\r\n\r\n"
    headers.set_insecure(name, value)
    with pytest.raises(TypeError, match="must be a str, not (bytes|NoneType|int)"):
        core.fields.make_head("a", headers)


@given(st.sampled_from(["HTTP/1.1 200 OK", "", "GET /\xe9"]), st.lists(st.tuples(names, texts)))
def test_a_usual_head_is_made_of_what_is_right_and_ascii(core, start_line, pairs):
    headers = unchecked(pairs)
    expected = naive_head(start_line, pairs)
    if isinstance(expected, str) or not expected.isascii():
        expected = None
    assert core.fields.usual_head(start_line, headers) == expected
    headers.set_insecure("X", 1)
    assert core.fields.usual_head(start_line, headers) is None


@pytest.mark.parametrize("value", ["websocket", "13", "permessage-deflate; client_max_window_bits"])
def test_usual_values_are_one_string_for_all(core, value):
    found = [Headers(), Headers()]
    for headers in found:
        data = b"Upgrade: " + value.encode() + b"\r\n"
        core.fields.take_fields(data, 0, len(data), 8192, 128, headers)
    assert found[0]["Upgrade"] == value
    assert found[0]["Upgrade"] is found[1]["Upgrade"]
