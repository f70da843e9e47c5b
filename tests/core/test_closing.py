"""
The body of close frames (RFC 6455 5.5.1 and 7.4).
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from websockets.exceptions import ProtocolError

ACCEPTED = [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)]


def test_every_code_there_is(core):
    accepted = [code for code in range(65536) if core.closing.is_valid_code(code)]
    assert accepted == ACCEPTED


def test_what_is_accepted_is_what_is_sent(core):
    for code in [0, 1, 999, *range(1000, 1020), 1999, 2000, 2999, 3000, 4999, 5000, 65535]:
        data = code.to_bytes(2, "big")
        if code in ACCEPTED:
            assert core.closing.parse_close(data) == (code, "")
            assert core.closing.serialize_close(code, "") == data
        else:
            with pytest.raises(ProtocolError) as raised:
                core.closing.parse_close(data)
            assert str(raised.value) == "invalid status code"
            with pytest.raises(ProtocolError) as raised:
                core.closing.serialize_close(code, "")
            assert str(raised.value) == "invalid status code"


@pytest.mark.parametrize("code", [-1, 65536, 2**40])
def test_codes_that_do_not_even_fit(core, code):
    with pytest.raises(ProtocolError):
        core.closing.serialize_close(code, "")


def test_an_empty_body(core):
    # RFC 6455 7.1.5
    assert core.closing.parse_close(b"") == (1005, "")


def test_one_byte(core):
    with pytest.raises(ProtocolError) as raised:
        core.closing.parse_close(b"\x03")
    assert str(raised.value) == "close frame too short"


@pytest.mark.parametrize(
    "reason, start",
    [(b"\xff", 0), (b"ok\x80", 2), (b"half \xe2\x82", 5), (b"\xed\xa0\x80", 0), (b"\xc0\xaf", 0)],
)
def test_a_reason_that_is_not_utf8(core, reason, start):
    with pytest.raises(UnicodeDecodeError) as raised:
        core.closing.parse_close(b"\x03\xe8" + reason)
    assert raised.value.start == start


def test_the_code_is_looked_at_before_the_reason(core):
    with pytest.raises(ProtocolError):
        core.closing.parse_close(b"\x00\x00\xff")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_kinds_of_payloads(core, kind):
    assert core.closing.parse_close(kind(b"\x03\xe8bye \xe2\x82\xac")) == (1000, "bye €")


@pytest.mark.parametrize("character", ["a", "é", "€", "😀"])
def test_reasons_of_123_bytes_at_most(core, character):
    size = len(character.encode())
    longest = character * (123 // size) + "a" * (123 % size)
    assert len(core.closing.serialize_close(1000, longest)) == 125
    with pytest.raises(ProtocolError) as raised:
        core.closing.serialize_close(1000, longest + "a")
    assert str(raised.value) == "control frame too long"


@pytest.mark.parametrize(
    "code, reason, text",
    [
        ("bye", "", "close code must be an int such as 1000, not 'bye'"),
        (None, "", "close code must be an int such as 1000, not None"),
        (1000.0, "", "close code must be an int such as 1000, not 1000.0"),
        (1000, b"bye", "close reason must be a str, not b'bye'"),
        (1000, None, "close reason must be a str, not None"),
    ],
)
def test_codes_are_numbers_and_reasons_are_texts(core, code, reason, text):
    with pytest.raises(TypeError) as raised:
        core.closing.serialize_close(code, reason)
    assert str(raised.value) == text


@settings(max_examples=60)
@given(
    code=st.sampled_from(ACCEPTED),
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)
def test_there_and_back(core, code, reason):
    body = core.closing.serialize_close(code, reason)
    assert body == code.to_bytes(2, "big") + reason.encode()
    assert core.closing.parse_close(body) == (code, reason)
