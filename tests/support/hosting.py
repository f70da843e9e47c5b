"""
A server of ASGI applications that is as small as can be, and drives the protocol as uvicorn does.

Owns what such a server does to a protocol class: it reads the head of a request, writes it anew with
names in lower case, constructs the protocol, hands that the head and then the transport, and asks
all connections to shut down at its end. Must never know how the protocol works. With it come
applications that tests share.
"""

import asyncio
import contextlib
import types

from peer import REQUEST, port_of, tcp_to

from websockets.asgi import WebSocketProtocol

DATE = b"Thu, 01 Jan 1970 00:00:00 GMT"


class Front(asyncio.Protocol):
    """What reads the request."""

    def __init__(self, host):
        self.host = host
        self.head = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.head += data
        if not self.head.endswith(b"\r\n\r\n"):
            return
        first, *fields = self.head[:-4].split(b"\r\n")
        names = [field.partition(b":") for field in fields]
        lines = [first, *[name.lower() + b": " + value.strip() for name, _, value in names]]
        protocol = WebSocketProtocol(
            config=self.host.config, server_state=self.host, app_state=self.host.app_state
        )
        protocol.connection_made(self.transport)
        protocol.data_received(b"\r\n".join([*lines, b"", b""]))
        self.transport.set_protocol(protocol)


class Host:
    """A server; it is what its connections share, too."""

    def __init__(self, application, **config):
        self.connections = set()
        self.tasks = set()
        self.default_headers = [(b"date", DATE), (b"server", b"host")]
        self.app_state = {"kept": []}
        self.seen = []  # what applications have put there
        self.config = types.SimpleNamespace(
            loaded_app=application,
            root_path="",
            asgi_version="3.0",
            ws_max_size=2**24,
            ws_max_queue=32,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            ws_per_message_deflate=True,
        )
        vars(self.config).update(config)

    def listen(self, server, scheme="ws"):
        self.server = server
        with contextlib.suppress(TypeError):
            self.port = port_of(server)
            self.uri = f"{scheme}://127.0.0.1:{self.port}"

    async def shut_down(self):
        self.server.close()
        for connection in list(self.connections):
            connection.shutdown()
        while self.connections or self.tasks:
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def hosting(application, *, ssl=None, path=None, **config):
    """Host an application, on a port of this machine or a Unix socket, and shut down at the end."""
    host = Host(application, **config)
    loop = asyncio.get_running_loop()
    if path is None:
        server = await loop.create_server(lambda: Front(host), "127.0.0.1", 0, ssl=ssl)
    else:
        server = await loop.create_unix_server(lambda: Front(host), path)
    host.listen(server, "ws" if ssl is None else "wss")
    try:
        yield host
    finally:
        await host.shut_down()


@contextlib.asynccontextmanager
async def hosted_peer(application, headers=b"", **config):
    """A host, and a peer of one of its connections, which has read the response."""
    async with hosting(application, **config) as host, tcp_to(host.port) as peer:
        peer.write(REQUEST + headers + b"\r\n")
        await peer.read_head()
        yield host, peer


async def accept(receive, send, **details):
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept", **details})


async def echo(scope, receive, send):
    """Send back what comes, and keep the event that says the end."""
    await accept(receive, send)
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    scope["state"]["kept"].append(event)


async def hold(scope, receive, send):
    """Open a connection, and take whatever comes."""
    await accept(receive, send)
    while (event := await receive())["type"] == "websocket.receive":
        pass
    scope["state"]["kept"].append(event)
