"""
Servers on Unix sockets that choose handlers by the path, which there are on asyncio only.
"""

import sys

import pytest
from peer import needs_unix

from websockets.asyncio.client import unix_connect
from websockets.asyncio.router import unix_route

routing = pytest.importorskip("werkzeug.routing")


@needs_unix
async def test_a_unix_socket(tmp_path):
    async def tell(connection, name):
        await connection.send(name)

    path = str(tmp_path / "socket")
    async with unix_route(routing.Map([routing.Rule("/name/<name>", endpoint=tell)]), path):
        async with unix_connect(path, "ws://localhost/name/x") as ws:
            assert await ws.recv() == "x"


def test_without_werkzeug(monkeypatch):
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    monkeypatch.delitem(sys.modules, "werkzeug.routing")
    with pytest.raises(ImportError) as raised:
        unix_route(None)
    assert str(raised.value) == "unix_route() requires werkzeug"
