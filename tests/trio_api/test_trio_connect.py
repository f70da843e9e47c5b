"""
connect() of today's API on trio: what is its own there.
"""

import logging

import pytest
from on_trio import (
    ExceptionGroup,
    hold,
    on_trio,
    port_of,
    serving,
    trio,
    uri_of,
)

from websockets.http11 import USER_AGENT
from websockets.trio import client
from websockets.trio.client import connect, unix_connect
from websockets.uri import parse_uri

URI = "ws://localhost/"


# When it is built


def test_it_is_built_anywhere_and_tells_what_it_was_given():
    given = connect(URI, additional_headers={"A": "b"}, local_address="127.0.0.1", ssl=None)
    assert (given.uri, given.ws_uri) == (URI, parse_uri(URI))
    assert given.additional_headers == {"A": "b"}
    assert given.user_agent_header == USER_AGENT
    assert given.proxy is True and given.open_timeout == 10
    assert given.process_exception is client.process_exception
    assert given.reconnect_delays is client.backoff
    assert given.logger is logging.getLogger("websockets.client")
    assert (given.stream, given.ssl, given.server_hostname) == (None, None, None)
    assert not hasattr(given, "connection")
    assert client.MAX_REDIRECTS == 10


def test_the_uri_of_a_unix_socket(certificates):
    assert unix_connect("path").uri == "ws://localhost/"
    assert unix_connect("path", ssl=certificates.client_context()).uri == "wss://localhost/"
    with pytest.raises(ValueError, match="^missing path argument$"):
        unix_connect()
    with pytest.raises(TypeError):
        unix_connect("path", host="localhost")


@on_trio
async def test_a_stream_of_the_program():
    async with serving(hold) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", port_of(server))
        async with connect("ws://example.com/", stream=stream) as ws:
            assert ws.request.headers["Host"] == "example.com"
            assert ws.local_address == stream.socket.getsockname()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"x")


@on_trio
async def test_what_the_body_raises_comes_out_as_it_is():
    async with serving(hold) as server:
        for exc in (KeyError("x"), ExceptionGroup("x", [KeyError()]), KeyboardInterrupt()):
            with pytest.raises(type(exc)) as raised:
                async with connect(uri_of(server)):
                    raise exc
            assert raised.value is exc


def test_it_is_no_coroutine():
    with pytest.raises(TypeError):

        async def wait():
            await connect(URI)

        trio.run(wait)
