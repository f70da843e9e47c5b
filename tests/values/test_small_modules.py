"""Types, versions, the environment, helpers, and modules that had other names."""

import importlib
import importlib.metadata
import os
import re
import socket
import subprocess
import sys
import types as types_of_modules
import typing

import pytest

import websockets
from websockets import frames, handshake, http, http11, utils, version
from websockets import typing as types
from websockets.imports import import_name, lazy_import
from websockets.sync.utils import Deadline

pytestmark = pytest.mark.one_backend


# Types


def test_types_can_be_used_in_annotations_at_run_time():
    def annotated(
        data: types.Data,
        bytes_like: types.BytesLike,
        data_like: types.DataLike,
        path: types.PathLike,
        logger: types.LoggerLike,
        status: types.StatusLike,
        origin: types.Origin,
        subprotocol: types.Subprotocol,
        extension: types.ExtensionName,
        parameter: types.ExtensionParameter,
        header: types.ExtensionHeader,
        option: types.ConnectionOption,
        protocol: types.UpgradeProtocol,
        headers: websockets.datastructures.HeadersLike,
    ) -> None: ...

    hints = typing.get_type_hints(annotated)
    assert set(typing.get_args(hints["data"])) == {str, bytes}
    assert set(typing.get_args(hints["bytes_like"])) == {bytes, bytearray, memoryview}
    assert set(typing.get_args(hints["data_like"])) == {str, bytes, bytearray, memoryview}


@pytest.mark.parametrize(
    "name", ["Origin", "Subprotocol", "ExtensionName", "ConnectionOption", "UpgradeProtocol"]
)
def test_names_are_strings(name):
    named = getattr(types, name)("a")
    assert type(named) is str


@pytest.mark.skipif(sys.version_info < (3, 10), reason="isinstance() takes unions from 3.10 on")
def test_unions_can_be_asked_for_at_run_time():
    assert isinstance("a", types.Data) and not isinstance(bytearray(), types.Data)
    assert isinstance(memoryview(b""), types.BytesLike) and not isinstance("a", types.BytesLike)
    assert isinstance(bytearray(), types.DataLike)
    assert isinstance(404, types.StatusLike)


# Versions


def test_the_version_of_the_api():
    # uvicorn compares it as a string, others compare its numbers.
    assert version.version == "17.4"
    assert version.version >= "17.0"
    assert tuple(int(number) for number in version.version.split(".")) >= (13, 0)
    assert (version.tag, version.commit, version.released) == ("17.4", "17.4", True)


def test_the_version_of_the_distribution():
    assert re.fullmatch(r"\d+\.\d+\.\d+\w*", version.distribution_version)
    assert importlib.metadata.version("cywebsockets") == version.distribution_version
    assert http.USER_AGENT.endswith(f" cywebsockets/{version.distribution_version}")


# The environment

SHOWN = """
from websockets import frames, http11
print(http11.MAX_LINE_LENGTH, http11.MAX_NUM_HEADERS, http11.MAX_BODY_SIZE)
print(frames.Frame.MAX_LOG_SIZE)
print(http11.SERVER)
print(http11.USER_AGENT)
"""


def shown(**variables):
    return subprocess.run(
        [sys.executable, "-c", SHOWN],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        text=True,
    ).stdout.splitlines()


def test_limits_and_headers_can_be_set():
    assert shown(
        WEBSOCKETS_MAX_LINE_LENGTH="16384",
        WEBSOCKETS_MAX_NUM_HEADERS="256",
        WEBSOCKETS_MAX_BODY_SIZE="1024",
        WEBSOCKETS_MAX_LOG_SIZE="1000000",
        WEBSOCKETS_SERVER="Mine",
        WEBSOCKETS_USER_AGENT="My own",
    ) == ["16384 256 1024", "1000000", "Mine", "My own"]


LIMITS = """
from websockets import _core
heads = _core.HeadReader()
heads.feed(b"GET / HTTP/1.1\\r\\n" + b"a: b\\r\\n" * 130 + b"c: " + b"d" * 9000 + b"\\r\\n\\r\\n")
print(len(heads.headers.get_all("a")), len(heads.headers["c"]))
"""


@pytest.mark.parametrize("forbidden", ["0", "1"])
def test_connections_keep_to_the_same_limits(forbidden):
    environment = {
        "WEBSOCKETS_NO_EXTENSIONS": forbidden,
        "WEBSOCKETS_MAX_LINE_LENGTH": "16384",
        "WEBSOCKETS_MAX_NUM_HEADERS": "256",
    }
    done = subprocess.run(
        [sys.executable, "-c", LIMITS],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
        text=True,
    )
    assert done.stdout == "130 9000\n"


# Helpers


def test_keys():
    # RFC 6455 1.3
    assert utils.accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert utils.GUID == "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    keys = {utils.generate_key() for _ in range(9)}
    assert len(keys) == 9
    for key in keys:
        headers = http.Headers()
        handshake.build_response(headers, key)
        handshake.check_response(headers, key)


def test_masks():
    assert utils.apply_mask is frames.apply_mask


@pytest.mark.parametrize(
    "family, address, name",
    [
        (socket.AF_INET, ("127.0.0.1", 0), "127.0.0.1:{}"),
        (socket.AF_INET6, ("::1", 0), "[::1]:{}"),
    ],
)
def test_names_of_sockets(family, address, name):
    with socket.socket(family) as sock:
        try:
            sock.bind(address)
        except OSError:
            pytest.skip("there is no such address here")
        assert utils.get_socket_name(sock) == name.format(sock.getsockname()[1])


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
def test_names_of_unix_sockets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("here")
        assert utils.get_socket_name(sock) == "here"


# Modules that had other names

RENAMED = "websockets.connection was renamed to websockets.protocol and "
RENAMED += "Connection was renamed to Protocol"


def test_connection_is_called_protocol(monkeypatch):
    monkeypatch.delitem(sys.modules, "websockets.connection", raising=False)
    with pytest.warns(DeprecationWarning, match=f"^{RENAMED}$"):
        module = importlib.import_module("websockets.connection")
    assert module.Connection is websockets.protocol.Protocol
    for name in ("SEND_EOF", "Side", "State"):
        assert getattr(module, name) is getattr(websockets.protocol, name)


def test_http_constants_are_of_both():
    assert http11.USER_AGENT != http.USER_AGENT


# Names that are imported when they are asked for


def lazy_module(**names):
    module = types_of_modules.ModuleType("package.module")
    module.__package__ = "websockets.asyncio"
    lazy_import(vars(module), **names)
    return module


def test_lazy_names():
    module = lazy_module(
        aliases={"Headers": "..datastructures"}, deprecated_aliases={"Request": "..http11"}
    )
    assert [name for name in dir(module) if name[0] != "_"] == ["Headers", "Request"]
    assert module.Headers is websockets.datastructures.Headers
    for _ in range(2):
        with pytest.warns(DeprecationWarning, match=r"^package\.module\.Request is deprecated$"):
            assert module.Request is http11.Request
    with pytest.raises(AttributeError, match="^module 'package.module' has no attribute 'other'$"):
        module.other  # noqa: B018 (it raises)


def test_lazy_names_are_given_once():
    with pytest.raises(AssertionError, match="^namespace conflict$"):
        lazy_module(aliases={"a": ".client"}, deprecated_aliases={"a": ".server"})
    with pytest.raises(AssertionError, match="^namespace conflict$"):
        lazy_module(aliases={"__name__": ".client"})


def test_a_name_from_a_module():
    found = import_name("Headers", "..datastructures", {"__package__": "websockets.asyncio"})
    assert found is websockets.datastructures.Headers


# Deadlines


def test_deadlines():
    assert Deadline(None).timeout() is None
    assert 0 < Deadline(60).timeout() <= 60
    late = Deadline(-1)
    assert late.timeout(raise_if_elapsed=False) < -1
    with pytest.raises(TimeoutError, match="^timed out$"):
        late.timeout()


def test_speedups_are_there_where_they_are_compiled():
    if websockets.backend == "pure":
        with pytest.raises(ImportError):
            importlib.import_module("websockets.speedups")
    else:
        speedups = importlib.import_module("websockets.speedups")
        assert speedups.apply_mask(b"abcd", b"\1\1\1\1") == b"`cbe"
