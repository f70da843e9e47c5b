"""
HTTP Basic authentication, as documented.
"""

import http

import pytest
from peer import hold, uri_of

import websockets


async def test_basic_auth_with_a_subclass_of_its_protocol():
    class Mine(websockets.BasicAuthWebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            if path == "/health":
                return http.HTTPStatus.OK, {}, b"healthy\n"
            response = await super().process_request(path, request_headers)
            if response is None and self.username != "admin":
                return http.HTTPStatus.FORBIDDEN, {}, b""
            return response

    factory = websockets.basic_auth_protocol_factory(
        "the realm", [("admin", "a"), ("guest", "g")], create_protocol=Mine
    )
    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=factory) as server:
        uri = uri_of(server)
        async with websockets.connect(uri.replace("//", "//admin:a@")) as ws:
            assert ws.open
        answers = {
            uri.replace("//", "//guest:g@"): 403,
            uri.replace("//", "//admin:g@"): 401,
            uri: 401,
            f"{uri}/health": 200,
        }
        for refused, status in answers.items():
            with pytest.raises(websockets.InvalidStatusCode) as error:
                await websockets.connect(refused)
            assert error.value.status_code == status
            if status == 401:
                challenge = error.value.headers["WWW-Authenticate"]
                assert challenge.startswith('Basic realm="the realm"')


@pytest.mark.parametrize("credentials", ["ab", ("a",), ("a", "b", "c"), [("a", b"b")], 1, [None]])
def test_basic_auth_needs_pairs(credentials):
    with pytest.raises(TypeError):
        websockets.basic_auth_protocol_factory("realm", credentials)
