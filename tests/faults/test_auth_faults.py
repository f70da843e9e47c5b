"""
Basic authentication: no time, no empty password and no strange bytes let anybody in.
"""

import hmac

import pytest
from peer import REQUEST, response_to

import websockets


@pytest.mark.parametrize(
    "username, password, right",
    [
        ("us\u00e9r", "p\u00e4ss", True),
        ("us\u00e9r", "wrong", False),
        ("nobody", "p\u00e4ss", False),
    ],
)
async def test_basic_auth_compares_bytes_in_constant_time_for_unknown_users_too(
    username, password, right, monkeypatch
):
    compared = []

    def compare_digest(a, b):
        compared.append((type(a), type(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    factory = websockets.basic_auth_protocol_factory("realm", ("us\u00e9r", "p\u00e4ss"))
    value = websockets.headers.build_authorization_basic(username, password)
    request = REQUEST + f"Authorization: {value}\r\n\r\n".encode()
    status, _, _ = await response_to(request, create_protocol=factory)
    assert status == (101 if right else 401)
    assert compared == [(bytes, bytes)]


async def test_an_unknown_user_with_an_empty_password_is_not_let_in():
    factory = websockets.basic_auth_protocol_factory("realm", ("user", ""))
    for credentials, expected in (("user:", 101), ("nobody:", 401), (":", 401)):
        value = websockets.headers.build_authorization_basic(*credentials.split(":"))
        request = REQUEST + f"Authorization: {value}\r\n\r\n".encode()
        assert (await response_to(request, create_protocol=factory))[0] == expected
