"""Which values headers take, and what today's programs do with headers beyond 8.1's."""

import pytest

from websockets import datastructures, headers
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeaderValue
from websockets.headers import build_host, validate_subprotocols

pytestmark = pytest.mark.one_backend

FINE = ["", "a", "a b", "\t", " a ", "~", "é", "\x80", "\xff", "\udc80", "\udcff"]
WRONG = ["a\nb", "a\rb", "\r\n", "\0", "\x1f", "\x0b", "\x7f", "日", "\u0100", "\ud800", "\udc7f"]

SETTING = {
    "item": lambda name, value: Headers().__setitem__(name, value),
    "mapping": lambda name, value: Headers({name: value}),
    "pairs": lambda name, value: Headers([("A", "b"), (name, value)]),
    "keyword": lambda name, value: Headers(**{name: value}),
    "update": lambda name, value: Headers().update({name: value}),
    "setdefault": lambda name, value: Headers().setdefault(name, value),
    "repeated": lambda name, value: Headers([(name, "a"), (name, value)]),
}


@pytest.mark.parametrize("name", ["Server", "X-Rare"])
@pytest.mark.parametrize("way", SETTING)
def test_values_are_checked(way, name):
    for value in FINE:
        SETTING[way](name, value)
    for value in WRONG:
        with pytest.raises(InvalidHeaderValue) as raised:
            SETTING[way](name, value)
        assert (raised.value.name, raised.value.value) == (name, value)
        assert str(raised.value).isprintable()


def test_what_is_wrong_leaves_no_trace():
    found = Headers(A="b")
    with pytest.raises(InvalidHeaderValue):
        found["C"] = "\n"
    assert list(found.raw_items()) == [("A", "b")]
    assert "C" not in found


class Shown:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


def test_what_is_not_a_string_is_stored_as_it_is():
    for value in (None, 5, b"\n", Shown("a")):
        assert Headers(A=value)["a"] is value
    assert Headers(A=5, B=None).serialize() == b"A: 5\r\nB: None\r\n\r\n"
    with pytest.raises(InvalidHeaderValue):
        Headers(A=Shown("a\nb"))


class Text(str):
    """A string that lies about itself."""

    def isprintable(self):
        return True


def test_subclasses_of_str_are_checked():
    assert Headers(A=Text("a"))["a"] == "a"
    with pytest.raises(InvalidHeaderValue):
        Headers(A=Text("a\nb"))


@pytest.mark.parametrize("value", WRONG)
def test_the_check_can_be_left_out(value):
    found = Headers(A="b")
    found.set_insecure("a", value)
    found.set_insecure("Server", value)
    assert found.get_all("A") == ["b", value]
    # What is there is taken over.
    assert found.copy() == Headers(found) == found
    other = Headers()
    other.update(found)
    assert list(other.raw_items()) == [("A", "b"), ("a", value), ("Server", value)]


def test_headers_are_written():
    found = Headers([("A", "é"), ("b", "c"), ("a", "\udcff")])
    assert found.serialize() == b"A: \xe9\r\nb: c\r\na: \xff\r\n\r\n"
    assert Headers().serialize() == b"\r\n"


class Keyed:
    """What has keys and items, and is no mapping."""

    def keys(self):
        return ["A", "b"]

    def __getitem__(self, key):
        return key * 2


def test_keys_and_items_are_enough():
    keyed: datastructures.SupportsKeysAndGetItem = Keyed()
    assert list(Headers(keyed, c="d").raw_items()) == [("A", "AA"), ("b", "bb"), ("c", "d")]
    found = Headers(a="0")
    found.update(keyed)
    assert found.get_all("A") == ["0", "AA"]


def test_only_headers_equal_headers():
    assert Headers(A="b") == Headers(a="b")
    for other in ({"A": "b"}, {"a": "b"}, [("A", "b")], "A: b\r\n\r\n"):
        assert Headers(A="b") != other
        assert other != Headers(A="b")


# What chapters tell of the functions for single headers


@pytest.mark.parametrize(
    "arguments, short, long",
    [
        (("here", 80, False), "here", "here:80"),
        (("here", 80, True), "here:80", "here:80"),
        (("here", 443, True), "here", "here:443"),
        (("::1", 80, False), "[::1]", "[::1]:80"),
        (("[::1]", 81, False), "[::1]:81", "[::1]:81"),
    ],
)
def test_hosts(arguments, short, long):
    assert build_host(*arguments) == short
    assert build_host(*arguments, always_include_port=False) == short
    assert build_host(*arguments, always_include_port=True) == long


@pytest.mark.parametrize("subprotocols", [[], ["a"], ["a", "b.c-d"], ("a",)])
def test_subprotocols(subprotocols):
    assert validate_subprotocols(subprotocols) is None


@pytest.mark.parametrize(
    "subprotocols, error, text",
    [
        ("ab", TypeError, "subprotocols must be a list, not a str"),
        (None, TypeError, "subprotocols must be a list"),
        ({"a"}, TypeError, "subprotocols must be a list"),
        (iter(["a"]), TypeError, "subprotocols must be a list"),
        ([1], TypeError, "subprotocols must be a list of str, not of 1"),
        ([b"a"], TypeError, "subprotocols must be a list of str, not of b'a'"),
        (["a", "b c"], ValueError, "invalid subprotocol: b c"),
        ([""], ValueError, "invalid subprotocol: "),
        (["é"], ValueError, "invalid subprotocol: é"),
        (["a\r\nb"], ValueError, r"invalid subprotocol: 'a\r\nb'"),
    ],
)
def test_wrong_subprotocols(subprotocols, error, text):
    with pytest.raises(error) as raised:
        validate_subprotocols(subprotocols)
    assert type(raised.value) is error
    assert str(raised.value) == text


def test_credentials_need_not_be_utf_8():
    header = headers.build_authorization_basic("\udcff", "é\udc80")
    assert header == "Basic /zrDqYA="
    assert headers.parse_authorization_basic(header) == ("\udcff", "é\udc80")


def test_other_names_of_functions():
    assert headers.parse_extension_list is headers.parse_extension
    assert headers.build_extension_list is headers.build_extension
    assert headers.parse_subprotocol_list is headers.parse_subprotocol
    assert headers.build_subprotocol_list is headers.build_subprotocol
