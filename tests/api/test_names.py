"""
Names of modules, older ones too, and names that the document doesn't have.
"""

import asyncio
import importlib
import operator
import os
import pickle
import subprocess
import sys

import pytest

import websockets

pytestmark = pytest.mark.one_backend

SUBMODULES = """
    auth client datastructures exceptions extensions extensions.base extensions.permessage_deflate
    framing handshake headers http protocol server typing uri version
""".split()


def fresh(code):
    """Run code in an interpreter of its own, because an import changes this one for good."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout.split()


def test_submodules_are_attributes_of_the_package():
    code = "import websockets\n" + "\n".join(f"websockets.{name}" for name in SUBMODULES)
    assert fresh(code) == []


ALIASES = ["auth", "client", "exceptions", "framing", "handshake", "http", "protocol", "server"]


@pytest.mark.parametrize("name", ALIASES)
def test_older_names_of_modules(name):
    module = importlib.import_module(f"websockets.{name}")
    assert importlib.import_module(f"websockets.legacy.{name}") is module
    assert getattr(importlib.import_module("websockets.legacy"), name) is module


def test_what_the_older_modules_have_gained():
    from websockets.legacy import framing, server

    assert framing.prepare_ctrl("é") == b"\xc3\xa9"
    assert framing.Close(1000, "bye") == websockets.Close(1000, "bye")
    assert server.broadcast is websockets.broadcast


async def test_headers_without_their_first_line():
    from websockets.legacy.http import read_headers

    stream = asyncio.StreamReader()
    stream.feed_data(b"Host: localhost\r\nX-Two: a\r\nX-Two: b\r\n\r\nbody")
    headers = await read_headers(stream)
    assert list(headers.raw_items()) == [("Host", "localhost"), ("X-Two", "a"), ("X-Two", "b")]
    assert await stream.read(4) == b"body"


@pytest.mark.parametrize(
    "code",
    [
        "import websockets.legacy.server; s = websockets.legacy.server",
        "import websockets, websockets.legacy; s = websockets.legacy.server",
        "import websockets.legacy.server as s",
        "from websockets.legacy import server as s",
        "from websockets.legacy.server import *; from websockets.legacy import server as s",
        "from websockets.legacy.server import HTTPResponse, WebSocketServerProtocol, serve\n"
        "import websockets.legacy.protocol, websockets.legacy.server as s\n"
        "assert serve is websockets.serve\n"
        "assert WebSocketServerProtocol is websockets.WebSocketServerProtocol",
        "import importlib; s = importlib.import_module('websockets.legacy.server')",
    ],
)
def test_ways_to_import_the_older_names(code):
    code += """
import os, sys, websockets.server
assert s is websockets.server
files = [getattr(module, "__file__", None) or "" for module in set(sys.modules.values())]
print(sum(file.endswith(os.path.join("websockets", "server.py")) for file in files))
"""
    assert fresh(code) == ["1"]


def test_what_is_set_under_one_name_is_seen_under_the_other(monkeypatch):
    legacy = importlib.import_module("websockets.legacy.client")
    monkeypatch.setattr(legacy, "connect", "patched")
    assert websockets.client.connect == "patched"


def test_names_that_are_not_in_the_document():
    assert list(websockets.protocol.State) == [0, 1, 2, 3]
    assert [state.name for state in websockets.protocol.State] == [
        "CONNECTING",
        "OPEN",
        "CLOSING",
        "CLOSED",
    ]
    assert websockets.http.Headers is websockets.datastructures.Headers
    assert websockets.http.HeadersLike is websockets.datastructures.HeadersLike
    assert websockets.http.USER_AGENT


@pytest.mark.parametrize(
    "name",
    [
        "server.WebSocketServerProtocol",
        "client.WebSocketClientProtocol",
        "asyncio.server.ServerConnection",
        "asyncio.client.ClientConnection",
    ],
)
def test_both_sides_are_called_by_the_names_that_programs_import(name):
    kind = operator.attrgetter(name)(websockets)
    assert f"{kind.__module__}.{kind.__qualname__}" == f"websockets.{name}"
    assert pickle.loads(pickle.dumps(kind)) is kind


def test_the_command_line_is_a_function():
    code = "import websockets.cli; websockets.cli.main(['--version'])"
    assert fresh(code)[0] == "cywebsockets"


BORROWED = [
    ("client", "State", "protocol"),
    ("client", "Headers", "datastructures"),
    ("server", "Origin", "typing"),
    ("server", "State", "protocol"),
    ("server", "AbortHandshake", "exceptions"),
    ("server", "WebSocketCommonProtocol", "protocol"),
    ("protocol", "CloseCode", "frames"),
    ("protocol", "OP_TEXT", "framing"),
    ("framing", "ProtocolError", "exceptions"),
    ("handshake", "generate_key", "utils"),
    ("http", "d", "http11"),
    ("extensions.base", "Frame", "frames"),
    ("asyncio.client", "InvalidStatus", "exceptions"),
    ("asyncio.connection", "State", "protocol"),
    ("asyncio.router", "Response", "http11"),
    ("asyncio.server", "CloseCode", "frames"),
    ("asyncio.server", "Connection", "asyncio.connection"),
    ("asyncio.server", "ServerProtocol", "server"),
    ("asyncio.server", "State", "protocol"),
    ("sync.client", "ClientProtocol", "client"),
    ("sync.connection", "ConnectionClosed", "exceptions"),
    ("sync.router", "PathLike", "typing"),
    ("sync.server", "State", "protocol"),
    ("sync.server", "CloseCode", "frames"),
]


@pytest.mark.parametrize(("module", "name", "home"), BORROWED)
def test_names_that_programs_import_from_a_module_which_has_them_from_another(module, name, home):
    borrower, lender = [importlib.import_module(f"websockets.{name}") for name in (module, home)]
    assert getattr(borrower, name) is getattr(lender, name)
    with pytest.raises(AttributeError, match=f"module 'websockets.{module}' has no attribute 'Xy'"):
        _ = borrower.Xy


def test_what_a_module_has_from_others_costs_nothing_until_it_is_asked_for():
    code = """
import sys, websockets.sync.server as c
print("websockets.utils" in sys.modules, "get_socket_name" in vars(c))
c.get_socket_name
print("websockets.utils" in sys.modules, "get_socket_name" in vars(c))
"""
    assert fresh(code) == ["False", "False", "True", "True"]
