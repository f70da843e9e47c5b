"""
Redirects of the opening handshake: which are followed, where to, and what isn't taken along.

The servers here write their responses byte by byte, so that they can say what no library would.
"""

import asyncio
import contextlib
import socket
import ssl

import pytest
from peer import Peer, needs_unix, port_of

import websockets
from websockets.handshake import accept_key


class Server:
    """Answers each connection with the next of its responses; the last one is repeated."""

    def __init__(self, *responses, ssl=None):
        self.responses = list(responses)
        self.requests = []
        self.tasks = set()
        self.ssl = ssl

    async def accept(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        peer = Peer(reader, writer, masked=False)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            head = (await peer.read_head()).decode()
            self.requests.append(head)
            response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
            peer.write(response(head) if callable(response) else response)
            await peer.read_eof()
        await peer.close()
        self.tasks.discard(asyncio.current_task())

    async def __aenter__(self):
        self.server = await self.listen()
        return self

    async def listen(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0, ssl=self.ssl)
        self.port = port_of(server)
        scheme = "wss" if self.ssl else "ws"
        self.uri = f"{scheme}://127.0.0.1:{self.port}"
        return server

    async def __aexit__(self, *exc_info):
        self.server.close()
        if self.tasks:
            # A client whose socket is still open is a failure that was told of before.
            _, left = await asyncio.wait(self.tasks, timeout=1)
            for task in left:
                task.cancel()
        await self.server.wait_closed()


def field(head, name):
    values = [
        line.partition(": ")[2]
        for line in head.split("\r\n")[1:]
        if line.lower().startswith(name.lower() + ":")
    ]
    return ", ".join(values) if values else None


def accept(head):
    key = accept_key(field(head, "Sec-WebSocket-Key"))
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {key}\r\n\r\n"
    ).encode()


def redirect(*locations, status="302 Found"):
    lines = [f"Location: {location}" for location in locations]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "Content-Length: 0", "", ""]).encode()


async def connect(uri, **options):
    """Open a connection, end it, and return the path that was asked for."""
    ws = await websockets.connect(uri, **options)
    ws.transport.abort()
    await ws.wait_closed()
    return ws.path


# Which are followed


@pytest.mark.parametrize(
    "status",
    ["300 Multiple Choices", "301 x", "302 x", "303 x", "307 x", "308 x"],
)
async def test_a_redirect_is_followed(status):
    async with Server(redirect("/there", status=status), accept) as server:
        assert await connect(server.uri) == "/there"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "304 x", "305 x", "306 x", "403 x"])
@pytest.mark.parametrize("locations", [["/there"], ["/here", "/there"]])
async def test_a_location_that_is_no_redirect(locations, status):
    async with Server(redirect(*locations, status=status), accept) as server:
        with pytest.raises(websockets.InvalidStatusCode) as raised:
            await connect(server.uri)
    assert raised.value.status_code == int(status[:3])
    assert raised.value.headers.get_all("Location") == locations


@pytest.mark.parametrize("status", ["300 x", "301 x", "302 x", "303 x", "307 x", "308 x"])
async def test_a_redirect_without_a_location(status):
    async with Server(redirect(status=status)) as server:
        with pytest.raises(websockets.InvalidStatusCode) as raised:
            await connect(server.uri)
    assert raised.value.status_code == int(status[:3])


@pytest.mark.parametrize("locations", [["/here", "/there"], ["/same", "/same"], ["/here", ""]])
async def test_a_redirect_to_several_places(locations):
    async with Server(redirect(*locations), accept) as server:
        with pytest.raises(websockets.InvalidHeader, match="more than one Location"):
            await connect(server.uri)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location, path",
    [
        ("there", "/a/there"),
        ("there?x=1", "/a/there?x=1"),
        ("/there", "/there"),
        ("../there", "/there"),
        ("?x=1", "/a/b?x=1"),
        ("", "/a/b?c"),
        ("//127.0.0.1:{port}/there", "/there"),
        ("ws://127.0.0.1:{port}/there", "/there"),
        ("WS://127.0.0.1:{port}/there", "/there"),
        ("http://127.0.0.1:{port}/there", "/there"),
        ("HTTP://127.0.0.1:{port}/there", "/there"),
    ],
)
async def test_forms_of_a_location(location, path):
    async with Server(b"", accept) as server:
        server.responses[0] = redirect(location.format(port=server.port))
        assert await connect(f"{server.uri}/a/b?c") == path


@pytest.mark.parametrize(
    "location",
    [
        "ftp://127.0.0.1/",
        "mailto:somebody",
        "ws:",
        "ws://",
        "ws://[::",
        "//[::",
        "ws://127.0.0.1:99999/",
        "ws://127.0.0.1/#fragment",
        "ws://a b/",
        "/a b",
        "/caf\u00e9",
    ],
)
async def test_a_location_that_is_no_websocket_uri(location):
    async with Server(redirect(location), accept) as server:
        with pytest.raises(websockets.InvalidURI):
            await connect(server.uri)
    assert len(server.requests) == 1


async def test_redirects_have_an_end():
    async with Server(redirect("")) as server:
        with pytest.raises(websockets.SecurityError, match="more than 10 redirects"):
            await connect(server.uri)
    assert len(server.requests) == 10


async def test_every_connection_begins_with_the_uri_that_was_given():
    async with Server(redirect("/there"), accept, redirect("/elsewhere"), accept) as server:
        connecting = websockets.connect(server.uri)
        for path in ("/there", "/elsewhere"):
            async with connecting as ws:
                assert ws.path == path
                ws.transport.abort()
    assert [head.split()[1] for head in server.requests] == ["/", "/there", "/", "/elsewhere"]


# Where the program has said where the connection goes


@pytest.mark.parametrize("location", ["/there", "ws://example.com/"])
async def test_a_socket_serves_only_once(location):
    async with Server(redirect(location), accept) as server:
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.setblocking(False)
        with pytest.raises(websockets.SecurityError, match="preexisting socket") as raised:
            await connect(server.uri, sock=sock)
    assert isinstance(raised.value, ValueError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("given", [["host"], ["port"], ["host", "port"]])
async def test_an_address_serves_for_one_origin(given):
    async with Server(redirect("/there"), accept, redirect("ws://example.com/")) as server:
        options = {"host": "127.0.0.1", "port": server.port}
        options = {name: options[name] for name in given}
        host = "localhost" if "host" in given else "127.0.0.1"
        port = 1 if "port" in given else server.port
        uri = f"ws://{host}:{port}/here"
        assert await connect(uri, **options) == "/there"
        with pytest.raises(websockets.SecurityError, match="explicit host or port") as raised:
            await connect(uri, **options)
        assert isinstance(raised.value, ValueError)


@needs_unix
async def test_a_unix_socket_serves_for_one_origin(tmp_path):
    path = str(tmp_path / "socket")

    class OnUnix(Server):
        async def listen(self):
            return await asyncio.start_unix_server(self.accept, path)

    async with OnUnix(redirect("/there"), accept, redirect("ws://example.com/")):
        for connected in (True, False):
            connecting = websockets.unix_connect(path, "ws://localhost/here")
            if connected:
                async with connecting as ws:
                    assert ws.path == "/there"
                    ws.transport.abort()
            else:
                with pytest.raises(websockets.SecurityError, match="Unix socket") as raised:
                    await connecting
                assert isinstance(raised.value, ValueError)


# What isn't taken along

HEADERS = [
    ("authorization", "Bearer secret"),
    ("Cookie", "secret=1"),
    ("Proxy-Authorization", "Basic secret"),
    ("Host", "example.com"),
    ("X-Harmless", "1"),
]


async def test_secrets_and_names_stay_with_their_server():
    async with Server(redirect("/elsewhere")) as second, Server(b"") as first:
        first.responses = [redirect("/there"), redirect(f"ws://localhost:{second.port}/")]
        second.responses = [redirect("/here"), redirect(f"{first.uri}/back")]
        first.responses.append(accept)
        assert await connect(first.uri, extra_headers=iter(HEADERS)) == "/back"
    for head in first.requests[:2]:
        for name, value in HEADERS:
            assert field(head, name) == value
    # What was taken away once isn't given back.
    for head in (*second.requests, first.requests[2]):
        for name, value in HEADERS:
            expected = {"Host": field(head, "Host"), "X-Harmless": value}.get(name)
            assert field(head, name) == expected
    assert {field(head, "Host") for head in second.requests} == {f"localhost:{second.port}"}
    assert field(first.requests[2], "Host") == f"127.0.0.1:{first.port}"


async def test_the_users_name_stays_with_its_server():
    async with Server(accept) as second, Server(b"") as first:
        first.responses = [
            redirect(f"{first.uri}/there"),
            redirect(f"ws://127.0.0.1:{second.port}"),
        ]
        await connect(first.uri.replace("//", "//user:password@"))
    given = [field(head, "Authorization") for head in (*first.requests, *second.requests)]
    assert given[0] is not None and given == [given[0]] * 2 + [None]


async def test_a_redirect_may_bring_a_name_of_its_own():
    async with Server(accept) as second:
        location = f"ws://other:password@127.0.0.1:{second.port}/"
        async with Server(redirect(location)) as first:
            await connect(first.uri.replace("//", "//user:password@"))
    assert field(second.requests[0], "Authorization") == "Basic b3RoZXI6cGFzc3dvcmQ="


def context_for(certificates, *names):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_a_name_for_the_certificate_stays_with_its_server(name, certificates):
    async with Server(accept, ssl=context_for(certificates, name)) as second:
        context = context_for(certificates, "localhost")
        async with Server(redirect("/there"), redirect(second.uri), ssl=context) as first:
            connecting = connect(
                first.uri, ssl=certificates.client_context(), server_hostname="localhost"
            )
            if name == "127.0.0.1":
                assert await connecting == "/"
            else:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await connecting
    # It is kept where the server is the same.
    assert len(first.requests) == 2


@pytest.mark.parametrize("scheme", ["wss", "https"])
async def test_a_redirect_to_tls(scheme, certificates, monkeypatch, tmp_path):
    trusted = str(tmp_path / "authority.pem")
    certificates.authority.cert_pem.write_to_path(trusted)
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    async with Server(accept, ssl=context_for(certificates, "localhost")) as second:
        location = f"{scheme}://localhost:{second.port}/there"
        async with Server(redirect(location)) as first:
            assert await connect(first.uri) == "/there"
            assert await connect(first.uri, ssl=None) == "/there"


@pytest.mark.parametrize("scheme", ["ws", "http"])
async def test_a_redirect_from_tls(scheme, certificates):
    context = context_for(certificates, "localhost")
    location = f"{scheme}://localhost/"
    async with Server(redirect(location), ssl=context) as server:
        with pytest.raises(websockets.SecurityError, match="non-secure"):
            await connect(
                f"wss://localhost:{server.port}", ssl=certificates.client_context(), host=None
            )
