"""WebSocket URIs."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

pytestmark = pytest.mark.one_backend

text = st.text(st.characters(exclude_categories=("Cs",)))


@pytest.mark.parametrize(
    "uri, parsed",
    [
        ("ws://localhost/", (False, "localhost", 80, "/", None)),
        ("wss://localhost/", (True, "localhost", 443, "/", None)),
        ("WSS://LocalHost/", (True, "localhost", 443, "/", None)),
        ("ws://localhost", (False, "localhost", 80, "/", None)),
        ("ws://localhost?a=b", (False, "localhost", 80, "/?a=b", None)),
        ("ws://localhost/?", (False, "localhost", 80, "/", None)),
        ("ws://localhost/a/b?c=d&e=/f?g", (False, "localhost", 80, "/a/b?c=d&e=/f?g", None)),
        ("ws://localhost//a", (False, "localhost", 80, "//a", None)),
        ("ws://127.0.0.1:8000/", (False, "127.0.0.1", 8000, "/", None)),
        ("ws://localhost:/", (False, "localhost", 80, "/", None)),
        ("ws://localhost:0/", (False, "localhost", 80, "/", None)),
        ("wss://localhost:0/", (True, "localhost", 443, "/", None)),
        ("wss://localhost:65535/", (True, "localhost", 65535, "/", None)),
        ("ws://my_host.example./", (False, "my_host.example.", 80, "/", None)),
    ],
)
def test_parse_uri(uri, parsed):
    assert parse_uri(uri) == parsed


def test_parts_have_names():
    uri = parse_uri("wss://me:secret@localhost:8765/path?query")
    assert isinstance(uri, WebSocketURI)
    assert uri.secure is True
    assert uri.host == "localhost"
    assert uri.port == 8765
    assert uri.resource_name == "/path?query"
    assert uri.user_info == ("me", "secret")


def test_user_info_is_optional():
    assert WebSocketURI(False, "localhost", 80, "/").user_info is None


# IPv6.


@pytest.mark.parametrize(
    "uri, host, port",
    [
        ("ws://[::1]/", "::1", 80),
        ("ws://[::1]:8000/", "::1", 8000),
        ("ws://[2001:DB8::A]/", "2001:db8::a", 80),
        ("ws://[::ffff:192.0.2.1]/", "::ffff:192.0.2.1", 80),
        ("ws://[FE80::1%25Eth0]/", "fe80::1%Eth0", 80),
        ("ws://[fe80::1%eth0]/", "fe80::1%eth0", 80),
    ],
)
def test_ipv6(uri, host, port):
    parsed = parse_uri(uri)
    assert (parsed.host, parsed.port) == (host, port)


# User information.


@pytest.mark.parametrize(
    "user_info, parsed",
    [
        ("user:pass", ("user", "pass")),
        ("user:", ("user", "")),
        (":pass", ("", "pass")),
        (":", ("", "")),
        ("user:a:b", ("user", "a:b")),
        ("user:p@ss", ("user", "p@ss")),
        ("us%20er:p%40%3A%C3%A9", ("us er", "p@:é")),
        ("usér:passé", ("usér", "passé")),
        ("", None),
    ],
)
def test_user_info(user_info, parsed):
    uri = parse_uri(f"ws://{user_info}@localhost/")
    assert uri.user_info == parsed
    assert uri.host == "localhost"


@given(text.filter(lambda text: ":" not in text), text)
def test_user_info_is_decoded(username, password):
    user_info = f"{quote(username, safe='')}:{quote(password, safe='')}"
    assert parse_uri(f"ws://{user_info}@localhost/").user_info == (username, password)


# Internationalized URIs.


def test_host_is_encoded_with_idna():
    assert parse_uri("ws://Bücher.Example/").host == "xn--bcher-kva.example"


def test_path_and_query_are_encoded_in_utf8():
    uri = parse_uri("ws://localhost/a/é?ü=€")
    assert uri.resource_name == "/a/%C3%A9?%C3%BC=%E2%82%AC"


def test_escapes_are_kept():
    assert parse_uri("ws://localhost/%41%2F%c3?%3f").resource_name == "/%41%2F%c3?%3f"


def test_reserved_and_unreserved_characters_are_kept():
    resource_name = "/:@!$&'()*+,;=-._~[]/?:@!$&'()*+,;=-._~[]/?"
    assert parse_uri(f"ws://localhost{resource_name}").resource_name == resource_name


def test_other_characters_are_escaped():
    assert parse_uri('ws://localhost/"<>\\^`{|}').resource_name == "/%22%3C%3E%5C%5E%60%7B%7C%7D"


@given(text, text)
def test_request_lines_cannot_be_broken(path, query):
    try:
        uri = parse_uri(f"ws://localhost/{path}?{query}")
    except InvalidURI:
        return
    assert uri.resource_name.startswith("/")
    assert all("!" <= character <= "~" for character in uri.resource_name)


# Errors.


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "localhost",
        "//localhost/",
        "ws:localhost",
        "ws:/localhost/",
        "http://localhost/",
        "https://localhost/",
        "wsss://localhost/",
        "w://localhost/",
        "ws://",
        "ws:///path",
        "ws://?query",
        "ws://user@/",
        "ws://:80/",
        "ws://user:pass@:80/",
        "ws://localhost/#",
        "ws://localhost/path#fragment",
        "ws://localhost#fragment",
        "ws://localhost:65536/",
        "ws://localhost:999999/",
        "ws://localhost:http/",
        "ws://localhost:-1/",
        "ws://localhost:+1/",
        "ws://localhost:1_0/",
        "ws://localhost:٨٠/",
        "ws://localhost:80:80/",
        "ws://::1/",
        "ws://[]/",
        "ws://[::1/",
        "ws://::1]/",
        "ws://[::g]/",
        "ws://[127.0.0.1]/",
        "ws://[localhost]/",
        "ws://[v1.future]/",
        "ws://[::1]suffix/",
        "ws://prefix[::1]/",
        "ws://local|host/",
        "ws://local\\host/",
        "ws://exa\uff0fmple/",
        "ws://é..example/",
        "ws://" + "é" * 70 + ".example/",
        "ws://user@localhost/",
        "ws://us%3Aer:pass@localhost/",
        "ws://%FF:pass@localhost/",
        "ws://user:%FF@localhost/",
        "ws://localhost/\udc80",
        "ws://localhost/?\udc80",
        "ws://\udc80/",
    ],
)
def test_invalid_uri(uri):
    with pytest.raises(InvalidURI) as raised:
        parse_uri(uri)
    assert isinstance(raised.value, ValueError)
    assert raised.value.uri == uri
    assert raised.value.msg
    str(raised.value).encode()


@pytest.mark.parametrize("character", [chr(code) for code in [*range(33), 127]])
@pytest.mark.parametrize(
    "uri", ["{}ws://localhost/", "ws://local{}host/", "ws://localhost/{}path", "ws://localhost/{}"]
)
def test_spaces_and_control_characters(uri, character):
    with pytest.raises(InvalidURI, match="contains a space or a control character"):
        parse_uri(uri.format(character))


@given(st.text().filter(lambda text: not text.lower().startswith(("ws:", "wss:"))))
def test_anything_else_is_invalid(text):
    with pytest.raises(InvalidURI):
        parse_uri(text)
