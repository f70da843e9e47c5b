"""The headers of the opening handshake."""

import base64
import email.message

import pytest

from websockets.datastructures import Headers
from websockets.exceptions import (
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidUpgrade,
)
from websockets.handshake import (
    accept_key,
    build_request,
    build_response,
    check_request,
    check_response,
)

# RFC 6455 1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

REQUEST = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
]
RESPONSE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Accept", ACCEPT),
]


def check_request_pairs(pairs):
    assert check_request(Headers(pairs)) == KEY


def check_response_pairs(pairs):
    check_response(Headers(pairs), KEY)


# Both ends check alike what they both receive.
SIDES = pytest.mark.parametrize(
    "check, pairs", [(check_request_pairs, REQUEST), (check_response_pairs, RESPONSE)]
)


def replaced(pairs, name, *values):
    """Return pairs where one header has other values, or none."""
    assert any(other == name for other, _ in pairs)
    return [pair for pair in pairs if pair[0] != name] + [(name, value) for value in values]


# Building.


def test_example_of_the_rfc():
    assert accept_key(KEY) == ACCEPT


def test_build_request():
    headers = Headers(Host="localhost")
    key = build_request(headers)
    assert list(headers.raw_items()) == [
        ("Host", "localhost"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
    ]


def test_keys_are_16_random_bytes():
    keys = {build_request(Headers()) for _ in range(100)}
    assert len(keys) == 100
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}


def test_build_response():
    headers = Headers(Server="house")
    build_response(headers, KEY)
    assert list(headers.raw_items()) == [("Server", "house"), *RESPONSE]


def test_both_ends_understand_each_other():
    request, response = Headers(), Headers()
    key = build_request(request)
    build_response(response, check_request(request))
    check_response(response, key)


# Connection and Upgrade.


@SIDES
def test_valid(check, pairs):
    check(pairs)


@SIDES
@pytest.mark.parametrize(
    "values",
    [
        ["upgrade"],
        ["UPGRADE"],
        ["keep-alive, Upgrade"],
        ["Upgrade,keep-alive"],
        ["Upgrade, keep-alive"],
        ["keep-alive", "Upgrade"],
        [",Upgrade,,"],
        ["", "Upgrade"],
    ],
)
def test_connection(check, pairs, values):
    check(replaced(pairs, "Connection", *values))


@SIDES
@pytest.mark.parametrize("value", ["WebSocket", "WEBSOCKET", ", websocket"])
def test_upgrade(check, pairs, value):
    check(replaced(pairs, "Upgrade", value))


@SIDES
@pytest.mark.parametrize("name", ["Connection", "Upgrade"])
def test_missing_connection_or_upgrade(check, pairs, name):
    with pytest.raises(InvalidUpgrade) as raised:
        check(replaced(pairs, name))
    assert (raised.value.name, raised.value.value) == (name, None)


@SIDES
@pytest.mark.parametrize(
    "name, values",
    [
        ("Connection", ["close"]),
        ("Connection", ["no-upgrade"]),
        ("Connection", ["keep-alive", "close"]),
        ("Upgrade", ["h2c"]),
        ("Upgrade", ["notwebsocket"]),
        ("Upgrade", ["websocket/13"]),
        ("Upgrade", ["h2c, websocket"]),
        ("Upgrade", ["websocket", "websocket"]),
    ],
)
def test_wrong_connection_or_upgrade(check, pairs, name, values):
    with pytest.raises(InvalidUpgrade) as raised:
        check(replaced(pairs, name, *values))
    assert (raised.value.name, raised.value.value) == (name, ", ".join(values))


@SIDES
@pytest.mark.parametrize("name", ["Connection", "Upgrade"])
@pytest.mark.parametrize("value", ["", "web socket", "\udcff", "upgrade;websocket"])
def test_unreadable_connection_or_upgrade(check, pairs, name, value):
    with pytest.raises(InvalidHeaderFormat) as raised:
        check(replaced(pairs, name, value))
    assert raised.value.name == name


# What stands once.

ONCE = pytest.mark.parametrize(
    "check, pairs, name",
    [
        (check_request_pairs, REQUEST, "Sec-WebSocket-Key"),
        (check_request_pairs, REQUEST, "Sec-WebSocket-Version"),
        (check_response_pairs, RESPONSE, "Sec-WebSocket-Accept"),
    ],
)


@ONCE
def test_missing(check, pairs, name):
    with pytest.raises(InvalidHeader) as raised:
        check(replaced(pairs, name))
    assert str(raised.value) == f"missing {name} header"


@ONCE
def test_duplicate(check, pairs, name):
    value = dict(pairs)[name]
    with pytest.raises(InvalidHeader) as raised:
        check(replaced(pairs, name, value, value))
    assert raised.value.name == name
    assert raised.value.value == f"more than one {name} header found"


@ONCE
@pytest.mark.parametrize("value", ["", "12", "\udcff", "é"])
def test_wrong_value(check, pairs, name, value):
    with pytest.raises(InvalidHeaderValue) as raised:
        check(replaced(pairs, name, value))
    assert (raised.value.name, raised.value.value) == (name, value)
    str(raised.value).encode()


@pytest.mark.parametrize(
    "key",
    [
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        base64.b64encode(bytes(18)).decode(),
        KEY[:-1],
        KEY[:-2],
        KEY + "=",
        KEY + "\n",
        "-" + KEY[1:],
        "\udcff" + KEY[1:],
        "é" + KEY[1:],
        KEY.replace("l", " "),
    ],
)
def test_wrong_key(key):
    with pytest.raises(InvalidHeaderValue) as raised:
        check_request(Headers(replaced(REQUEST, "Sec-WebSocket-Key", key)))
    assert raised.value.name == "Sec-WebSocket-Key"


@pytest.mark.parametrize("version", ["8", "013", "13.0", "13, 8", "+13"])
def test_wrong_version(version):
    with pytest.raises(InvalidHeaderValue) as raised:
        check_request(Headers(replaced(REQUEST, "Sec-WebSocket-Version", version)))
    assert raised.value.value == version


@pytest.mark.parametrize("accept", [ACCEPT.lower(), ACCEPT + "=", accept_key(ACCEPT)])
def test_wrong_accept(accept):
    with pytest.raises(InvalidHeaderValue) as raised:
        check_response(Headers(replaced(RESPONSE, "Sec-WebSocket-Accept", accept)), KEY)
    assert raised.value.value == accept


# Containers of other HTTP parsers.


def message(pairs):
    """A container that has get_all(), answers None instead of raising, and isn't a Mapping."""
    message = email.message.Message()
    for name, value in pairs:
        message[name] = value
    return message


class ItemsOnly:
    """A container that has nothing but item access."""

    def __init__(self, pairs):
        self.items = dict(pairs)

    def __getitem__(self, name):
        return self.items[name]

    def __setitem__(self, name, value):
        self.items[name] = value


CONTAINERS = pytest.mark.parametrize("container", [dict, message, ItemsOnly])


@CONTAINERS
def test_other_containers_can_be_checked(container):
    assert check_request(container(REQUEST)) == KEY
    check_response(container(RESPONSE), KEY)


@CONTAINERS
@pytest.mark.parametrize("name", [name for name, _ in REQUEST])
def test_other_containers_may_lack_a_header(container, name):
    with pytest.raises(InvalidHandshake, match=f"missing {name} header"):
        check_request(container(replaced(REQUEST, name)))


@CONTAINERS
def test_other_containers_can_be_filled(container):
    request, response = container([]), container([])
    key = build_request(request)
    build_response(response, check_request(request))
    check_response(response, key)


def test_duplicates_are_found_in_other_containers():
    with pytest.raises(InvalidHeader, match="more than one Sec-WebSocket-Key header found"):
        check_request(message([*REQUEST, ("Sec-WebSocket-Key", KEY)]))
