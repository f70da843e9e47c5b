"""The public interface as a table: every name that is documented, and how it is called."""

import asyncio
import collections.abc
import inspect
import types
import typing

import pytest
from documented import ATTRIBUTES, DOCUMENTED, tree

import websockets
import websockets.auth
import websockets.client
import websockets.exceptions
import websockets.extensions.permessage_deflate
import websockets.framing
import websockets.handshake
import websockets.headers
import websockets.http
import websockets.protocol
import websockets.server
import websockets.typing
import websockets.uri

# What callables may take beyond the document; there must be a default.
ADDITIONAL = {
    "server.WebSocketServer": {"logger"},
    "server.WebSocketServer.close": {"close_connections", "code", "reason"},
    "handshake.build_request": {"key"},
    "handshake.check_request": {"repeated"},
    "handshake.check_response": {"repeated"},
    "protocol.WebSocketCommonProtocol": {"max_fragments", "gather_writes", "logger"},
    "protocol.WebSocketCommonProtocol.recv": {"decode"},
    "protocol.WebSocketCommonProtocol.send": {"text", "compress"},
    "exceptions.ConnectionClosed": {"rcvd_then_sent"},
    "exceptions.ConnectionClosedError": {"rcvd_then_sent"},
    "exceptions.ConnectionClosedOK": {"rcvd_then_sent"},
    "exceptions.InvalidStatusCode": {"headers", "response"},
    "exceptions.InvalidURI": {"msg"},
    "extensions.permessage_deflate.ClientPerMessageDeflateFactory": {"min_size", "thread_size"},
    "extensions.permessage_deflate.ServerPerMessageDeflateFactory": {
        "min_size",
        "thread_size",
        "require_client_max_window_bits",
    },
}

BASES = {
    "server.WebSocketServerProtocol": websockets.WebSocketCommonProtocol,
    "client.WebSocketClientProtocol": websockets.WebSocketCommonProtocol,
    "protocol.WebSocketCommonProtocol": asyncio.Protocol,
    "auth.BasicAuthWebSocketServerProtocol": websockets.WebSocketServerProtocol,
    "http.Headers": collections.abc.MutableMapping,
    "http.MultipleValuesError": LookupError,
    "framing.Frame": tuple,
    "uri.WebSocketURI": tuple,
}


def find(name):
    value = websockets
    for part in name.split("."):
        value = getattr(value, part)
    return value


def owner(name):
    return find(name.rpartition(".")[0])


def raw(name):
    """Return a member of a class or a module as it was defined."""
    return inspect.getattr_static(owner(name), name.rpartition(".")[2])


def named():
    """Return all names that can be imported from the package."""
    return {name: getattr(websockets, name) for name in websockets.__all__}


def parameters(callable_or_text):
    if isinstance(callable_or_text, str):
        scope = {}
        exec(f"def documented({callable_or_text}): pass", named(), scope)
        callable_or_text = scope["documented"]
    found = inspect.signature(callable_or_text).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]


# Arguments that the document requires, and that may be left out here.
OPTIONAL = {
    "auth.BasicAuthWebSocketServerProtocol": {"realm", "check_credentials"},
    "auth.basic_auth_protocol_factory": {"realm"},
}


def actual_parameters(name):
    optional = OPTIONAL.get(name, ())
    found = [
        (argument, kind, inspect.Parameter.empty if argument in optional else default)
        for argument, kind, default in parameters(find(name))
    ]
    is_method = inspect.isclass(owner(name)) and inspect.isfunction(raw(name))
    return found[1:] if is_method else found


# Signatures


@pytest.mark.parametrize("name", DOCUMENTED)
def test_signatures(name):
    wanted, actual = parameters(DOCUMENTED[name]["args"]), actual_parameters(name)
    assert [p for p in actual if p[0] not in ADDITIONAL.get(name, ())] == wanted
    added = [p for p in actual if p not in wanted]
    assert all(default is not inspect.Parameter.empty for _, _, default in added)


def test_what_hands_arguments_on_has_none_of_its_own():
    for name in ADDITIONAL:
        assert "**" not in DOCUMENTED[name]["args"]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_kinds(name):
    documented = DOCUMENTED[name]
    assert bool(documented["static"]) == isinstance(raw(name), classmethod)
    if documented["cls"]:
        assert inspect.isclass(find(name))
    elif name not in STARTED_BY_AWAIT:
        assert bool(documented["awaited"]) == inspect.iscoroutinefunction(find(name))


STARTED_BY_AWAIT = {
    "server.serve": lambda: websockets.serve(print),
    "server.unix_serve": lambda: websockets.unix_serve(print, "path"),
    "client.connect": lambda: websockets.connect("ws://localhost/"),
    "client.unix_connect": lambda: websockets.unix_connect("path"),
}


@pytest.mark.parametrize("name", STARTED_BY_AWAIT)
def test_what_is_awaited_or_entered(name):
    assert DOCUMENTED[name]["awaited"]
    started = STARTED_BY_AWAIT[name]()
    assert isinstance(started, collections.abc.Awaitable)
    assert callable(started.__aenter__) and callable(started.__aexit__)
    kind = websockets.server.Serve if "server" in name else websockets.client.Connect
    assert isinstance(started, kind)


@pytest.mark.parametrize("name", ["parse_close", "serialize_close"])
def test_both_backends_are_called_alike(core, name):
    assert parameters(getattr(core.closing, name)) == parameters(
        DOCUMENTED[f"framing.{name}"]["args"]
    )


# Attributes


@pytest.mark.parametrize("name, kind", ATTRIBUTES.items())
def test_attributes(name, kind):
    assert isinstance(raw(name), kind)
    if kind is property:
        assert raw(name).fset is None


@pytest.mark.parametrize("name, base", BASES.items())
def test_bases(name, base):
    assert issubclass(find(name), base)


def test_the_fields_of_frames_and_uris():
    fields = {"fin": True, "rsv1": False, "rsv2": True, "rsv3": False, "opcode": 2, "data": b"x"}
    assert websockets.Frame(**fields)._asdict() == fields
    fields = {
        "secure": True,
        "host": "localhost",
        "port": 443,
        "resource_name": "/",
        "user_info": None,
    }
    assert websockets.WebSocketURI(**fields)._asdict() == fields
    assert tuple(websockets.WebSocketURI(**fields)) == tuple(fields.values())


def test_data():
    assert websockets.Data == typing.Union[str, bytes]


# Exceptions


@pytest.mark.parametrize("exception, parent", list(tree()))
def test_the_tree_of_exceptions(exception, parent):
    # Between them, there may be one that another generation of the API knows.
    assert issubclass(exception, parent) and exception is not parent
    assert isinstance(exception, type) and exception.__module__ == "websockets.exceptions"


def test_the_alias_of_protocol_error():
    assert websockets.exceptions.WebSocketProtocolError is websockets.exceptions.ProtocolError


# Names


def short_names():
    """Yield each documented name of a module with the module, methods left out."""
    for name in [*DOCUMENTED, *ATTRIBUTES]:
        if isinstance(owner(name), types.ModuleType):
            module, _, short = name.rpartition(".")
            yield module, short
    for exception, _ in tree():
        yield "exceptions", exception.__name__


@pytest.mark.parametrize("module, name", sorted(set(short_names())))
def test_what_can_be_imported_from_the_package(module, name):
    if module not in ("headers", "http"):
        assert getattr(websockets, name) is find(f"{module}.{name}")
        assert name in websockets.__all__
    assert name in find(module).__all__


def test_everything_can_be_imported_at_once():
    scope = {}
    exec("from websockets import *", scope)
    assert set(websockets.__all__) <= set(scope)
    assert len(set(websockets.__all__)) == len(websockets.__all__)
