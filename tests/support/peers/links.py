"""
The table of peers, and how a test gets connected with one of them.

A link is a peer in one of its roles; we have the other role.
"""

import asyncio
import contextlib
from typing import Any, NamedTuple, Optional

import pytest

import websockets

from . import aiohttp_peer, node_peer, websocket_client_peer, wsproto_peer
from .aiohttp_peer import AiohttpEnd
from .end import Wishes
from .node_peer import NodeEnd
from .websocket_client_peer import WebSocketClientEnd
from .wsproto_peer import WsprotoEnd

PATH = "/a/path?and=query"


class Link(NamedTuple):
    name: str
    end: Any
    connect: Any = None  # coroutine function (uri, wishes) -> End
    serve: Any = None  # asynchronous context manager (wishes) -> Listening
    missing: Optional[str] = None  # why this peer can't be had


LINKS = [
    Link("aiohttp-client", AiohttpEnd, connect=aiohttp_peer.connect),
    Link("aiohttp-server", AiohttpEnd, serve=aiohttp_peer.serve),
    Link("node-client", NodeEnd, connect=node_peer.connect, missing=node_peer.missing()),
    Link("node-server", NodeEnd, serve=node_peer.serve, missing=node_peer.missing()),
    Link("websocket-client", WebSocketClientEnd, connect=websocket_client_peer.connect),
    Link("wsproto-client", WsprotoEnd, connect=wsproto_peer.connect),
    Link("wsproto-server", WsprotoEnd, serve=wsproto_peer.serve),
]


def mark(link):
    skip = pytest.mark.skipif(link.missing is not None, reason=str(link.missing))
    return pytest.param(link, id=link.name, marks=skip)


def with_peers(*abilities):
    """Run a test with each link whose peer has these abilities."""
    able = [link for link in LINKS if link.end.abilities.issuperset(abilities)]
    return pytest.mark.parametrize("link", [mark(link) for link in able])


@contextlib.asynccontextmanager
async def connected(link, wishes=None, **options):
    """
    Connect with a peer: return our end and theirs.

    Without compression, unless the wishes or options speak of it. The options are for
    ``connect()`` or ``serve()``. Leaving the context ends TCP on their side, whatever the state is.
    """
    wishes = wishes or Wishes()
    if wishes.compression is None:
        options.setdefault("compression", None)
    connect = connected_to_client if link.connect else connected_to_server
    async with connect(link, wishes, options) as (ours, theirs):
        try:
            yield ours, theirs
        finally:
            await theirs.drop()
        await ours.wait_closed()


@contextlib.asynccontextmanager
async def connected_to_client(link, wishes, options):
    arrivals = asyncio.Queue()

    async def handler(ours):
        arrivals.put_nowait(ours)
        await ours.wait_closed()

    scheme = "ws"
    if wishes.certificates:
        scheme = "wss"
        options["ssl"] = wishes.certificates.server_context()
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        port = server.sockets[0].getsockname()[1]
        theirs = await link.connect(f"{scheme}://127.0.0.1:{port}{PATH}", wishes)
        yield await arrivals.get(), theirs


@contextlib.asynccontextmanager
async def connected_to_server(link, wishes, options):
    scheme = "ws"
    if wishes.certificates:
        scheme = "wss"
        options["ssl"] = wishes.certificates.client_context()
    async with link.serve(wishes) as listening:
        uri = f"{scheme}://127.0.0.1:{listening.port}{PATH}"
        ours = await websockets.connect(uri, **options)
        yield ours, await listening.arrival()
