"""The grammars of the headers of a handshake."""

import base64
import contextlib
import string

import pytest
from growth import is_linear
from hypothesis import given
from hypothesis import strategies as st

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, InvalidHeaderFormat, InvalidHeaderValue
from websockets.headers import (
    build_authorization_basic,
    build_extension,
    build_host,
    build_subprotocol,
    build_www_authenticate_basic,
    check_header,
    check_headers,
    parse_authorization_basic,
    parse_connection,
    parse_extension,
    parse_subprotocol,
    parse_upgrade,
)

pytestmark = pytest.mark.one_backend

PARSERS = [parse_connection, parse_upgrade, parse_extension, parse_subprotocol]

tokens = st.text("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters, min_size=1)
extensions = st.lists(
    st.tuples(tokens, st.lists(st.tuples(tokens, st.none() | tokens))), min_size=1
)
# What a header parsed as ASCII with surrogate escapes can hold.
header_values = st.binary().map(lambda data: data.decode("ascii", "surrogateescape"))

# Anything but a colon, a control character or half a surrogate pair.
letters = st.characters(exclude_characters=":", exclude_categories=("Cc", "Cs"))


# Reading lists.


@pytest.mark.parametrize(
    "header, options",
    [
        ("Upgrade", ["Upgrade"]),
        ("keep-alive, Upgrade", ["keep-alive", "Upgrade"]),
        ("keep-alive,Upgrade", ["keep-alive", "Upgrade"]),
        ("  keep-alive\t ,\tUpgrade  ", ["keep-alive", "Upgrade"]),
        (",, a , ,b,\t,", ["a", "b"]),
    ],
)
def test_parse_connection(header, options):
    assert parse_connection(header) == options


@pytest.mark.parametrize(
    "header, protocols",
    [
        ("websocket", ["websocket"]),
        ("WebSocket", ["WebSocket"]),
        ("http/3.0, websocket", ["http/3.0", "websocket"]),
        (", h2c ,", ["h2c"]),
    ],
)
def test_parse_upgrade(header, protocols):
    assert parse_upgrade(header) == protocols


@pytest.mark.parametrize(
    "header, names",
    [
        ("chat", ["chat"]),
        ("chat, superchat", ["chat", "superchat"]),
        ("v1.chat.example,,", ["v1.chat.example"]),
    ],
)
def test_parse_subprotocol(header, names):
    assert parse_subprotocol(header) == names


@pytest.mark.parametrize(
    "header, extensions",
    [
        ("foo", [("foo", [])]),
        ("foo, bar", [("foo", []), ("bar", [])]),
        (",foo, ,bar,", [("foo", []), ("bar", [])]),
        ("foo;bar", [("foo", [("bar", None)])]),
        ("foo; bar=baz", [("foo", [("bar", "baz")])]),
        ('foo; bar="baz"', [("foo", [("bar", "baz")])]),
        (r'foo; bar="b\a\z"', [("foo", [("bar", "baz")])]),
        ("foo ;\tbar = baz ; qux", [("foo", [("bar", "baz"), ("qux", None)])]),
        ("foo; a=1; a=2", [("foo", [("a", "1"), ("a", "2")])]),
        (
            "permessage-deflate; client_max_window_bits, permessage-deflate; a_b=10",
            [
                ("permessage-deflate", [("client_max_window_bits", None)]),
                ("permessage-deflate", [("a_b", "10")]),
            ],
        ),
    ],
)
def test_parse_extension(header, extensions):
    assert parse_extension(header) == extensions


@pytest.mark.parametrize(
    "header", ["permessage-deflate", "permessage-deflate; client_max_window_bits"]
)
def test_what_browsers_offer_is_read_as_the_grammar_says(header):
    # The blank before the comma doesn't count.
    assert parse_extension(header) == parse_extension(f"{header} ,")
    # Whoever changes a list changes nobody else's.
    [(_, parameters)] = parse_extension(header)
    parameters.append(("changed", None))
    assert parse_extension(header) == parse_extension(f"{header} ,")


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "header, pos",
    [
        ("", 0),
        ("  ", 2),
        (" , ,", 4),
        ("a b", 2),
        ("a, ???", 3),
        ("a\r\nb", 1),
        ("caf\udcc3\udca9", 3),
        ("\udcff", 0),
        ("café", 3),
    ],
)
def test_lists_that_are_not(parse, header, pos):
    with pytest.raises(InvalidHeaderFormat) as raised:
        parse(header)
    assert raised.value.header == header
    assert raised.value.pos == pos
    str(raised.value).encode()


@pytest.mark.parametrize(
    "parse, header, name, error, pos",
    [
        (parse_connection, "keep-alive; Upgrade", "Connection", "expected comma", 10),
        (parse_upgrade, "websocket/", "Upgrade", "expected comma", 9),
        (parse_upgrade, "http/1/2", "Upgrade", "expected comma", 6),
        (parse_upgrade, "/13", "Upgrade", "expected protocol", 0),
        (parse_subprotocol, "a=b", "Sec-WebSocket-Protocol", "expected comma", 1),
        (parse_extension, "foo bar", "Sec-WebSocket-Extensions", "expected comma", 4),
        (parse_extension, "foo;", "Sec-WebSocket-Extensions", "expected token", 4),
        (parse_extension, "foo;; bar", "Sec-WebSocket-Extensions", "expected token", 4),
        (parse_extension, "foo; bar=", "Sec-WebSocket-Extensions", "expected token", 9),
        (parse_extension, "foo; bar=;", "Sec-WebSocket-Extensions", "expected token", 9),
        (parse_extension, "foo; a=b=c", "Sec-WebSocket-Extensions", "expected comma", 8),
        (parse_extension, 'foo; a="b', "Sec-WebSocket-Extensions", "expected quoted string", 7),
        (
            parse_extension,
            'foo; a="b\\"',
            "Sec-WebSocket-Extensions",
            "expected quoted string",
            7,
        ),
        (
            parse_extension,
            'foo; a=""',
            "Sec-WebSocket-Extensions",
            "invalid quoted header content",
            7,
        ),
        (
            parse_extension,
            'foo; a="b c"',
            "Sec-WebSocket-Extensions",
            "invalid quoted header content",
            7,
        ),
        (
            parse_extension,
            r'foo; a="b\"c"',
            "Sec-WebSocket-Extensions",
            "invalid quoted header content",
            7,
        ),
    ],
)
def test_errors_tell_where(parse, header, name, error, pos):
    with pytest.raises(InvalidHeaderFormat) as raised:
        parse(header)
    exc = raised.value
    assert (exc.name, exc.error, exc.header, exc.pos) == (name, error, header, pos)


@given(st.sampled_from([*PARSERS, parse_authorization_basic]), header_values)
def test_parsers_raise_nothing_else(parse, header):
    try:
        parse(header)
    except InvalidHeader as exc:
        str(exc).encode()


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "head, unit, tail",
    [
        ("", ",", ""),
        ("", " ", "?"),
        ("a", " ", "?"),
        ("", "a", "?"),
        ("", "a,", ""),
        ("", "a;b,", ""),
        ("", '"', ""),
        ('a;b="', "c", ""),
        ('a;b="', "\\c", ""),
        ("a", ';b="c"', ""),
        ("a/", "a", "/"),
    ],
)
def test_time_is_in_proportion_to_length(parse, head, unit, tail):
    def run(size):
        with contextlib.suppress(InvalidHeaderFormat):
            parse(head + unit * (size // len(unit)) + tail)

    assert is_linear(run, 2**13)


# Writing lists.


@given(extensions)
def test_extensions_round_trip(extensions):
    assert parse_extension(build_extension(extensions)) == extensions


@given(st.lists(tokens, min_size=1))
def test_subprotocols_round_trip(names):
    assert parse_subprotocol(build_subprotocol(names)) == names


def test_build_extension():
    extensions = [("a", [("b", None), ("c", "d")]), ("e", [])]
    assert build_extension(extensions) == "a; b; c=d, e"


def test_build_extension_takes_numbers():
    assert build_extension([("a", [("bits", 10)])]) == "a; bits=10"


@pytest.mark.parametrize(
    "extension, what",
    [
        (("a b", []), "name of extension isn't a token: 'a b'"),
        (("a", [("b\n", None)]), r"name of extension parameter isn't a token: 'b\n'"),
        (("a", [("b", "")]), "value of extension parameter b isn't a token: ''"),
        (("a", [("b", "c,d")]), "value of extension parameter b isn't a token: 'c,d'"),
    ],
)
def test_build_extension_refuses_what_cannot_be_read(extension, what):
    with pytest.raises(ValueError) as raised:
        build_extension([extension])
    assert str(raised.value) == what


def test_build_subprotocol():
    assert build_subprotocol(("chat", "superchat")) == "chat, superchat"


@pytest.mark.parametrize("protocols", ["chat", b"chat"])
def test_build_subprotocol_refuses_a_string(protocols):
    with pytest.raises(TypeError, match="must be a list of str, not b?'chat'"):
        build_subprotocol(protocols)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a\r\nb", "é", "\udc80"])
def test_build_subprotocol_refuses_what_cannot_be_read(name):
    with pytest.raises(ValueError, match="subprotocol isn't a token") as raised:
        build_subprotocol(["chat", name])
    str(raised.value).encode()


# What can be sent.


@pytest.mark.parametrize(
    "name, value",
    [
        ("X", ""),
        ("X-Name", "some value"),
        ("!#$%&'*+-.^_`|~09azAZ", "tab\tand ~"),
        ("X", "café"),
        ("X", "\udc80"),
        ("Server", "café\t\udc80"),
    ],
)
def test_headers_that_can_be_sent(name, value):
    check_header(name, value)
    check_headers(Headers([(name, value)]))


@pytest.mark.parametrize("character", [chr(code) for code in [*range(9), *range(10, 32), 127]])
def test_control_characters_cannot_be_sent(character):
    with pytest.raises(
        ValueError, match="value of header X contains a control character"
    ) as raised:
        check_header("X", f"a{character}b")
    assert ascii(f"a{character}b") in str(raised.value)
    headers = Headers()
    headers.set_insecure("Server", f"a{character}b")
    with pytest.raises(ValueError, match="value of header Server contains a control character"):
        check_headers(headers)
    with pytest.raises(ValueError, match="header name isn't a token"):
        check_header(f"X{character}", "")


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\t", "X\n", "é", "\udc80"])
def test_names_that_cannot_be_sent(name):
    with pytest.raises(ValueError, match="header name isn't a token") as raised:
        check_headers(Headers([("Fine", ""), (name, "")]))
    str(raised.value).encode()


@pytest.mark.parametrize("name, value", [(b"X", ""), ("X", b"a"), ("X", None), ("X", 1)])
def test_only_strings_can_be_sent(name, value):
    with pytest.raises(TypeError, match="must be a str, not (bytes|NoneType|int)"):
        check_header(name, value)
    with pytest.raises(TypeError, match="must be a str, not (bytes|NoneType|int)"):
        check_headers(Headers([("Server", "fine"), ("Host" if name == "X" else name, value)]))


def test_every_duplicate_is_checked():
    headers = Headers(X="fine")
    headers.set_insecure("X", "not\r\nfine")
    with pytest.raises(ValueError):
        check_headers(headers)


# Host.


@pytest.mark.parametrize(
    "host, port, secure, header",
    [
        ("example.com", 80, False, "example.com"),
        ("example.com", 443, True, "example.com"),
        ("example.com", 443, False, "example.com:443"),
        ("example.com", 80, True, "example.com:80"),
        ("127.0.0.1", 8000, False, "127.0.0.1:8000"),
        ("::1", 80, False, "[::1]"),
        ("::1", 8000, False, "[::1]:8000"),
        ("[::1]", 8000, False, "[::1]:8000"),
        ("fe80::1%eth0", 80, False, "[fe80::1]"),
    ],
)
def test_build_host(host, port, secure, header):
    assert build_host(host, port, secure) == header


# HTTP Basic Auth.


@pytest.mark.parametrize(
    "realm, header",
    [
        ("my realm", 'Basic realm="my realm", charset="UTF-8"'),
        ("", 'Basic realm="", charset="UTF-8"'),
        (r'a "b" \c', r'Basic realm="a \"b\" \\c", charset="UTF-8"'),
    ],
)
def test_build_www_authenticate_basic(realm, header):
    assert build_www_authenticate_basic(realm) == header


def test_realm_without_control_characters():
    with pytest.raises(ValueError, match="realm contains a control character"):
        build_www_authenticate_basic("a\r\nb")


@pytest.mark.parametrize(
    "header, credentials",
    [
        # RFC 7617 2 and 2.1.
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ("Aladdin", "open sesame")),
        ("Basic dGVzdDoxMjPCow==", ("test", "123£")),
        ("basic YTpi", ("a", "b")),
        ("BASIC   YTpi", ("a", "b")),
        ("Basic OmI=", ("", "b")),
        ("Basic YTo=", ("a", "")),
        ("Basic YTpiOmM=", ("a", "b:c")),
    ],
)
def test_parse_authorization_basic(header, credentials):
    assert parse_authorization_basic(header) == credentials


@pytest.mark.parametrize(
    "header, error, pos",
    [
        ("", "expected token", 0),
        (" Basic YTpi", "expected token", 0),
        ("Basic", "expected space after scheme", 5),
        ("Basic ", "expected token68", 6),
        ("Basic\tYTpi", "expected space after scheme", 5),
        ("Basic ****", "expected token68", 6),
        ("Basic YTpi, more", "trailing data", 10),
        ("Basic YTpi ", "trailing data", 10),
        ("Basic YTp\udc80", "trailing data", 9),
    ],
)
def test_authorization_of_wrong_format(header, error, pos):
    with pytest.raises(InvalidHeaderFormat) as raised:
        parse_authorization_basic(header)
    exc = raised.value
    assert (exc.name, exc.error, exc.pos) == ("Authorization", error, pos)


@pytest.mark.parametrize(
    "header, value",
    [
        ("Digest username=x", "unsupported scheme: Digest"),
        ("Bearer YTpi", "unsupported scheme: Bearer"),
        ("Basic YTp", "expected base64-encoded credentials"),
        ("Basic a-_.", "expected base64-encoded credentials"),
        ("Basic /////w==", "expected username:password credentials"),
        ("Basic YWI=", "expected username:password credentials"),
    ],
)
def test_authorization_of_wrong_value(header, value):
    with pytest.raises(InvalidHeaderValue) as raised:
        parse_authorization_basic(header)
    assert (raised.value.name, raised.value.value) == ("Authorization", value)


@given(st.text(letters), st.text(letters | st.just(":")))
def test_credentials_round_trip(username, password):
    header = build_authorization_basic(username, password)
    assert parse_authorization_basic(header) == (username, password)


def test_build_authorization_basic_is_utf8():
    header = build_authorization_basic("test", "123£")
    assert header == "Basic " + base64.b64encode("test:123£".encode()).decode()


def test_username_without_colon():
    with pytest.raises(ValueError, match="username contains a colon: 'a:b'"):
        build_authorization_basic("a:b", "c")
