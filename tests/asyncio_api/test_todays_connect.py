"""
connect() of today's API: what is its own on asyncio.
"""

import asyncio
import logging

import pytest
from peer import listening, turns
from todays import (
    Records,
    answering,
    echo,
    uri_of,
)

from websockets.asyncio import client
from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.server import serve
from websockets.http11 import USER_AGENT
from websockets.uri import parse_uri

URI = "ws://localhost/"


# When it is built


def test_it_is_built_without_a_loop_and_tells_what_it_was_given():
    given = connect(URI, additional_headers={"A": "b"}, local_addr=("127.0.0.1", 0), ssl=None)
    assert (given.uri, given.ws_uri) == (URI, parse_uri(URI))
    assert given.additional_headers == {"A": "b"}
    assert given.user_agent_header == USER_AGENT
    assert given.proxy is True and given.open_timeout == 10
    assert given.process_exception is client.process_exception
    assert given.reconnect_delays is client.backoff
    assert given.logger is logging.getLogger("websockets.client")
    assert given.create_connection_kwargs == {"local_addr": ("127.0.0.1", 0), "ssl": None}
    assert not hasattr(given, "connection")
    assert client.MAX_REDIRECTS == 10


# What may go wrong


async def test_cancelling_leaves_nothing():
    async def accept(peer):
        await peer.read_head()
        reached.set()
        ended.append(await peer.read_eof())

    reached, ended = asyncio.Event(), []
    async with listening(accept) as server:
        connecting = asyncio.ensure_future(connect(uri_of(server)))
        await reached.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        while not ended:
            await asyncio.sleep(0)


async def test_wss_without_tls():
    with pytest.raises(ValueError, match="^ssl=None is incompatible with a wss:// URI$"):
        await connect("wss://127.0.0.1:1/", ssl=None)


# Ways to use it


async def test_awaiting_the_same_object_opens_another_connection():
    async with serve(echo, "127.0.0.1", 0) as server:
        connecting = connect(uri_of(server))
        first, second = await connecting, await connecting
        assert first is not second
        for ws in (first, second):
            await ws.send("x")
            assert await ws.recv() == "x"
            await ws.close()


def test_the_uri_of_a_unix_socket():
    assert unix_connect("path").uri == "ws://localhost/"
    assert unix_connect("path", ssl=True).uri == "wss://localhost/"
    given = unix_connect("path").create_connection_kwargs
    assert given == {"unix": True, "path": "path"}


async def test_a_unix_socket_needs_a_path():
    with pytest.raises(ValueError, match="path"):
        await unix_connect()


async def test_a_connection_that_was_closed_before_it_was_open():
    records = Records()
    async with answering(b"") as server:
        connecting = asyncio.ensure_future(connect(uri_of(server), logger=records.logger))
        while not server.requests:
            await asyncio.sleep(0)
        connecting.cancel()
        await turns()
    assert connecting.cancelled() and not records.lines
