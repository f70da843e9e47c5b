"""
Redirects of a server that means ill, or can't spell.
"""

import http
import socket

import pytest
from peer import hold, listening, needs_unix, port_of, uri_of

import websockets


@pytest.mark.parametrize("name", ["host", "port", "sock"])
async def test_a_redirect_elsewhere_is_refused_when_the_address_was_given(name):
    def process_request(path, headers):
        return http.HTTPStatus.FOUND, {"Location": "ws://example.com/"}, b""

    async with websockets.serve(hold, "127.0.0.1", 0, process_request=process_request) as server:
        given = {"host": "127.0.0.1", "port": port_of(server)}.get(name)
        if name == "sock":
            given = socket.create_connection(("127.0.0.1", port_of(server)))
            given.setblocking(False)
        words = "socket" if name == "sock" else "origin"
        with pytest.raises(websockets.SecurityError, match=words):
            await websockets.connect(uri_of(server), **{name: given})


@needs_unix
async def test_a_redirect_elsewhere_is_refused_on_a_unix_socket(tmp_path):
    def process_request(path, headers):
        return http.HTTPStatus.FOUND, {"Location": "ws://example.com/"}, b""

    path = str(tmp_path / "socket")
    async with websockets.unix_serve(hold, path, process_request=process_request):
        with pytest.raises(websockets.SecurityError, match="origin"):
            await websockets.unix_connect(path)


@pytest.mark.parametrize("location", ["//[::", "ws://[::", "ws://localhost/\x00"])
async def test_a_redirect_with_a_malformed_location_is_an_error_of_the_library(location):
    async def accept(peer):
        await peer.read_head()
        peer.write(b"HTTP/1.1 302 Found\r\nLocation: " + location.encode() + b"\r\n\r\n")

    async with listening(accept) as server:
        with pytest.raises(websockets.WebSocketException):
            await websockets.connect(uri_of(server))
