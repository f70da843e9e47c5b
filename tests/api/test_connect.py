"""
connect(), as documented.
"""

import socket
import ssl

import pytest
from peer import both_ends, echo, hold, port_of, uri_of

import websockets
from websockets.http import Headers


async def test_connect_gives_a_client_protocol():
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        ws = await websockets.connect(uri_of(server))
        assert isinstance(ws, websockets.WebSocketClientProtocol)
        await ws.close()
        with pytest.raises(ZeroDivisionError):
            async with websockets.connect(uri_of(server)) as ws:
                raise ZeroDivisionError
        assert ws.closed


async def test_connect_hands_arguments_of_create_connection_on():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        local_addr = sock.getsockname()
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        uri = f"ws://localhost:{port_of(server)}"
        async with websockets.connect(uri, local_addr=local_addr, family=socket.AF_INET) as ws:
            assert ws.local_address == local_addr
        with pytest.raises(TypeError, match="nonsense"):
            await websockets.connect(uri, nonsense=True)


async def test_wss_uses_the_default_context(certificates, tmp_path, monkeypatch):
    authority = str(tmp_path / "authority.pem")
    certificates.authority.cert_pem.write_to_path(authority)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        uri = f"wss://localhost:{port_of(server)}"
        with pytest.raises(ssl.SSLCertVerificationError):
            await websockets.connect(uri, host="127.0.0.1")
        monkeypatch.setenv("SSL_CERT_FILE", authority)
        for kwargs in ({}, {"ssl": True}):
            async with websockets.connect(uri, host="127.0.0.1", **kwargs) as ws:
                await ws.send("over TLS")
                assert await ws.recv() == "over TLS"


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_host_and_port_change_only_where_the_connection_goes(scheme, certificates):
    asked_for = []
    options, kwargs = {}, {}
    if scheme == "wss":
        context = certificates.server_context()
        context.sni_callback = lambda sock, name, context: asked_for.append(name)
        options, kwargs = {"ssl": context}, {"ssl": certificates.client_context()}
    async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
        async with websockets.connect(
            f"{scheme}://localhost:1/x", host="127.0.0.1", port=port_of(server), **kwargs
        ) as ws:
            assert ws.request_headers["Host"] == "localhost:1"
            assert ws.remote_address == ("127.0.0.1", port_of(server))
    assert asked_for == (["localhost"] if scheme == "wss" else [])


@pytest.mark.parametrize(
    "extra_headers",
    [Headers([("X", "1"), ("X", "2")]), {"X": "1, 2"}, [("X", "1"), ("X", "2")]],
    ids=["Headers", "mapping", "pairs"],
)
async def test_extra_headers_of_requests(extra_headers):
    async with both_ends(extra_headers=extra_headers) as (server, client):
        assert ", ".join(server.request_headers.get_all("X")) == "1, 2"


async def test_user_info_is_sent_as_basic_auth():
    factory = websockets.basic_auth_protocol_factory("realm", ("us er", "p:w"))
    async with websockets.serve(
        lambda ws, path: ws.send(ws.username), "127.0.0.1", 0, create_protocol=factory
    ) as server:
        uri = uri_of(server)
        async with websockets.connect(uri.replace("//", "//us%20er:p%3Aw@")) as ws:
            assert await ws.recv() == "us er"
            assert "@" not in ws.request_headers["Host"]
        for user_info in ("", "us%20er:wrong@"):
            with pytest.raises(websockets.InvalidStatusCode) as error:
                await websockets.connect(uri.replace("//", f"//{user_info}"))
            assert error.value.status_code == 401
