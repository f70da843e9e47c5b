"""
What a usual request is told by, and the key that answers it (RFC 6455 4.2), against the words of
the RFC.
"""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websockets.datastructures import Headers

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
USUAL = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def usual_key(core, headers):
    return core.upgrading.usual_key(headers._values)


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket"])
@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade, keep-alive"]
)
def test_a_usual_request_is_told_by_its_headers(core, upgrade, connection):
    headers = Headers({**USUAL, "Upgrade": upgrade, "Connection": connection, "Host": "a"})
    assert usual_key(core, headers) == KEY


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("value", [None, "", "x", "13 ", "websocket2", "upgrade,upgrade"])
def test_any_other_value_asks_for_a_closer_look(core, name, value):
    others = {key: other for key, other in USUAL.items() if key != name}
    headers = Headers(others if value is None else {**others, name: value})
    assert usual_key(core, headers) is None


@pytest.mark.parametrize("name", USUAL)
def test_a_header_that_is_repeated_asks_for_a_closer_look(core, name):
    headers = Headers(USUAL)
    headers[name] = USUAL[name]
    assert usual_key(core, headers) is None


@pytest.mark.parametrize(
    "key",
    [
        KEY[:-1],
        KEY + "=",
        KEY[:-2] + "A=",
        KEY[:-2] + "=A",
        KEY[:21] + "===",
        *(
            KEY[:place] + wrong + KEY[place + 1 :]
            for place in (0, 21)
            for wrong in "-_ =\xe9\u20ac"
        ),
    ],
)
def test_what_is_no_key_asks_for_a_closer_look(core, key):
    headers = Headers()
    for name, value in {**USUAL, "Sec-WebSocket-Key": key}.items():
        headers.set_insecure(name, value)
    assert usual_key(core, headers) is None


@given(st.binary(min_size=16, max_size=16))
def test_every_key_is_told(core, nonce):
    key = base64.b64encode(nonce).decode()
    assert usual_key(core, Headers({**USUAL, "Sec-WebSocket-Key": key})) == key


def expected(key):
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def test_the_answer_of_the_example_in_the_rfc(core):
    assert core.upgrading.accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(min_size=16, max_size=16))
def test_every_key_is_answered(core, nonce):
    key = base64.b64encode(nonce).decode()
    answer = core.upgrading.accept_key(key)
    assert type(answer) is str and answer.isascii()
    assert answer == expected(key)


@pytest.mark.parametrize("size", range(200))
def test_keys_of_any_length_are_answered(core, size):
    # With what is mixed in they fill one block of SHA-1, two, or more.
    key = ("0123456789" * 20)[:size]
    assert core.upgrading.accept_key(key) == expected(key)


@pytest.mark.parametrize("key", ["\xe9" * 24, "\u20ac", "\U0001f600" * 20])
def test_keys_that_are_not_ascii_are_answered(core, key):
    assert core.upgrading.accept_key(key) == expected(key)


@pytest.mark.parametrize("key", [None, b"key", 5])
def test_what_is_no_text_has_no_answer(core, key):
    with pytest.raises(TypeError):
        core.upgrading.accept_key(key)


def test_what_was_no_ascii_on_the_wire_has_no_answer(core):
    with pytest.raises(UnicodeEncodeError):
        core.upgrading.accept_key("\udce9")
