"""
HTTP Basic authentication, as documented.
"""

import http

import pytest
from peer import REQUEST, hold, uri_of
from responses import answer, header, status

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


@pytest.mark.parametrize(
    "credentials, expected",
    [
        ("user:secret", 101),
        ("\u00fcser:p\u00e4ss:w\u00f6rd", 101),
        ("user:wrong", 401),
        ("nobody:secret", 401),
        ("nobody:", 401),
        (None, 401),
    ],
)
@pytest.mark.parametrize("by", ["list", "function"])
async def test_basic_auth(credentials, expected, by):
    known = [("user", "secret"), ("\u00fcser", "p\u00e4ss:w\u00f6rd")]

    async def check(username, password):
        return (username, password) in known

    names = []

    async def handler(ws, path):
        names.append(ws.username)

    factory = websockets.basic_auth_protocol_factory(
        "the realm",
        **({"credentials": known} if by == "list" else {"check_credentials": check}),
    )
    request = REQUEST
    if credentials is not None:
        value = websockets.headers.build_authorization_basic(*credentials.split(":", 1))
        request += f"Authorization: {value}\r\n".encode()
    head, _ = await answer(request + b"\r\n", handler, create_protocol=factory)
    assert status(head) == expected
    if expected == 401:
        assert header(head, "WWW-Authenticate")[0].startswith('Basic realm="the realm"')
    else:
        assert names == [credentials.split(":")[0]]


async def test_a_subclass_has_a_realm_and_a_check_of_its_own():
    class Mine(websockets.BasicAuthWebSocketServerProtocol):
        realm = "the realm"

        async def check_credentials(self, username, password):
            return (username, password) == ("user", "secret")

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Mine) as server:
        uri = uri_of(server)
        async with websockets.connect(uri.replace("//", "//user:secret@")) as ws:
            assert ws.open
        with pytest.raises(websockets.InvalidStatusCode) as error:
            await websockets.connect(uri.replace("//", "//user:wrong@"))
    challenge = error.value.headers["WWW-Authenticate"]
    assert challenge.startswith('Basic realm="the realm"')


async def test_the_realm_may_be_left_out():
    factory = websockets.basic_auth_protocol_factory(credentials=("user", "secret"))
    head, _ = await answer(REQUEST + b"\r\n", create_protocol=factory)
    assert header(head, "WWW-Authenticate")[0].startswith('Basic realm=""')


@pytest.mark.parametrize("value", ["Basic \xff", "Basic ////", "Bearer abc", ""])
async def test_malformed_credentials_are_401(value):
    factory = websockets.basic_auth_protocol_factory("realm", ("user", "secret"))
    request = REQUEST + b"Authorization: " + value.encode("latin-1") + b"\r\n\r\n"
    head, _ = await answer(request, create_protocol=factory)
    assert status(head) == 401


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"credentials": ("a", "b"), "check_credentials": hold},
        *[
            {"credentials": no_pairs}
            for no_pairs in ["ab", ("a",), ("a", "b", "c"), [("a", b"b")], [("a", 1)], 1, [None]]
        ],
    ],
)
def test_basic_auth_refuses_wrong_arguments(arguments):
    with pytest.raises(TypeError):
        websockets.basic_auth_protocol_factory("realm", **arguments)
