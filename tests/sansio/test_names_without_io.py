"""
The names of connections without I/O, where programs look for them.
"""

import importlib
import sys

import pytest

import websockets.client
import websockets.protocol
import websockets.server
from websockets.protocol import SEND_EOF, Side, State
from websockets.uri import parse_uri


@pytest.mark.parametrize(
    "module, names",
    [
        (
            "protocol",
            "Protocol Side State Event SEND_EOF SERVER CLIENT CONNECTING OPEN CLOSING CLOSED",
        ),
        (
            "client",
            "ClientProtocol ClientConnection process_exception backoff BACKOFF_INITIAL_DELAY "
            "BACKOFF_MIN_DELAY BACKOFF_MAX_DELAY BACKOFF_FACTOR",
        ),
        ("server", "ServerProtocol ServerConnection"),
    ],
)
def test_names(module, names):
    module = importlib.import_module(f"websockets.{module}")
    for name in names.split():
        assert hasattr(module, name)


def test_numbers():
    assert [side.value for side in (Side.SERVER, Side.CLIENT)] == [0, 1]
    names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"]
    assert [state.name for state in State] == names
    assert [state.value for state in State] == [0, 1, 2, 3]
    assert SEND_EOF == b""


def test_former_names():
    text = "^ServerConnection was renamed to ServerProtocol$"
    with pytest.warns(DeprecationWarning, match=text):
        protocol = websockets.server.ServerConnection(max_size=5)
    assert isinstance(protocol, websockets.server.ServerProtocol)
    assert protocol.max_message_size == 5
    text = "^ClientConnection was renamed to ClientProtocol$"
    with pytest.warns(DeprecationWarning, match=text):
        protocol = websockets.client.ClientConnection(parse_uri("ws://example.com/"))
    assert isinstance(protocol, websockets.client.ClientProtocol)


def test_the_module_of_former_names():
    sys.modules.pop("websockets.connection", None)
    with pytest.warns(DeprecationWarning, match="renamed to websockets.protocol"):
        connection = importlib.import_module("websockets.connection")
    assert connection.Connection is websockets.protocol.Protocol
    assert connection.State is State
