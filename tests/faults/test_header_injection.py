"""
Control characters in what a program hands us don't become header fields of their own.
"""

import http
import logging

import pytest
from peer import REQUEST, listening, response_to, until, uri_of

import websockets
from websockets.exceptions import InvalidHeaderValue
from websockets.http import Headers

EVIL = ["a\r\nX-Smuggled: 1", "a\nX-Smuggled: 1", "a\rb", "a\0b", "a\x7fb", "a\x1bb"]


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize(
    "place", ["value", "name", "callable", "process_request", "subprotocol", "basic auth"]
)
async def test_control_characters_do_not_get_into_a_response(place, evil, caplog):
    caplog.set_level(logging.CRITICAL, "websockets.server")
    options = {
        "value": {"extra_headers": {"X": evil}},
        "name": {"extra_headers": [(evil, "x")]},
        "callable": {"extra_headers": lambda path, headers: Headers({"X": evil})},
        "process_request": {
            "process_request": lambda path, headers: (http.HTTPStatus.OK, {"X": evil}, b"body")
        },
        "subprotocol": {
            "subprotocols": ["a"],
            "select_subprotocol": lambda client, server: evil,
        },
        "basic auth": {
            "create_protocol": websockets.basic_auth_protocol_factory(evil, ("user", "secret"))
        },
    }[place]
    request = REQUEST + b"Sec-WebSocket-Protocol: a\r\n\r\n"
    status, headers, body = await response_to(request, **options)
    assert status == 500
    assert "X-Smuggled" not in headers and "X" not in headers and b"Smuggled" not in body


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("place", ["value", "name", "origin", "subprotocol", "user agent"])
async def test_control_characters_do_not_get_into_a_request(place, evil):
    options = {
        "value": {"extra_headers": {"X": evil}},
        "name": {"extra_headers": [(evil, "x")]},
        "origin": {"origin": evil},
        "subprotocol": {"subprotocols": ["a", evil]},
        "user agent": {"extra_headers": {"User-Agent": evil}},
    }[place]
    received = []

    async def accept(peer):
        received.append(await peer.read_eof())

    async with listening(accept) as server:
        with pytest.raises((ValueError, InvalidHeaderValue), match="control character|token|X|Age"):
            await websockets.connect(uri_of(server), **options)
        if place in ("value", "name", "user agent"):
            await until(lambda: received)  # The others are refused before anybody connects.
    assert not any(received)
