"""
Who is compared: for each contestant its interpreter, its scripts, and what it can't do.

Peers live in an environment of their own, made by ``make bench-peers``: one of them has the import
name of this library. Ours is the library that the benchmarks themselves would import, whether it is
installed or not; a path names another tree of it, so that two of them can be compared.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import native
from .scenarios import Scenario

HERE = Path(__file__).parent
OURS = Path(importlib.util.find_spec("websockets").origin).parent.parent
PEERS = HERE.parent / "build" / "peers" / "bin" / "python"


@dataclass(frozen=True)
class Contestant:
    """
    One contestant.

    server, client: script and its further arguments; empty if there is none.
    blocking: the same for a client that blocks, a thread for each connection.
    group: "ours", a "peer", "raw" (bytes over the same loop, without WebSocket: what a library
    can't go below), or "native" (the echo server in C: what the load generator can get at most).
    compression: what it can agree on when it is asked for it.
    hosts: whether it hosts ASGI applications, "also" or "only".
    own_loop: whether it runs on a loop of its own, so that it makes no difference which is named.
    """

    name: str
    server: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    blocking: tuple[str, ...] = ()
    group: str = "peer"
    compression: tuple[str, ...] = ("off", "no takeover", "takeover")
    environment: dict[str, str] = field(default_factory=dict)
    hosts: str = ""
    own_loop: bool = False

    @property
    def python(self) -> str:
        # Who hosts applications is among the peers, whatever library it uses.
        return str(PEERS) if self.group == "peer" or self.hosts else sys.executable

    @property
    def is_here(self) -> bool:
        return self.python != str(PEERS) or PEERS.exists()

    def can(self, scenario: Scenario) -> bool:
        """Whether a scenario makes sense for this contestant."""
        if not self.hosts if scenario.application else self.hosts == "only":
            return False
        if self.group == "native":
            return scenario.kind in ("echo", "handshakes") and scenario.is_plain
        if self.group == "raw" and (scenario.kind == "handshakes" or scenario.compression != "off"):
            return False
        if scenario.compression not in self.compression:
            return False
        if scenario.kind in ("recv", "senders"):
            return self.group == "ours"
        return bool(self.script(scenario)[1])

    def script(self, scenario: Scenario) -> tuple[str, tuple[str, ...]]:
        """Return the folder of its script, and the script with its arguments, if there is one."""
        of_clients = {"client": self.client, "threads": self.blocking}
        if scenario.kind in of_clients:
            return "clients", of_clients[scenario.kind]
        return "servers", self.server

    def command(self, scenario: Scenario) -> list[str]:
        """Return the command that runs its script."""
        if self.group == "native":
            return [str(native.build("serve"))]
        folder, script = self.script(scenario)
        return [self.python, str(HERE / folder / script[0])]

    def variables(self) -> dict[str, str]:
        """Return the environment of its process."""
        # Nothing but its own environment tells a contestant where its modules are.
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        inherited.pop("WEBSOCKETS_NO_EXTENSIONS", None)
        where = {"PYTHONPATH": str(OURS)} if self.group == "ours" else {}
        return {**inherited, **where, **self.environment}


ASGI = "asgi_server.py"
ZLIB = {"BENCHMARKS_ZLIB": "zlib_ng.zlib_ng"}  # what compresses in the place of zlib
DEFLATED = ("no takeover", "takeover")
PURE = {"WEBSOCKETS_NO_EXTENSIONS": "1"}

# Those whose figures are compared most stand beside each other: they are measured in this order.
ALL = [
    Contestant("native", group="native"),
    Contestant("raw", ("raw.py",), ("raw.py",), group="raw"),
    Contestant("picows", ("picows_core.py",), ("picows_core.py",), compression=("off",)),
    Contestant("ours", ("ours.py",), ("ours.py",), group="ours"),
    Contestant(
        "picows.websockets",
        ("picows_websockets.py",),
        ("picows_websockets.py",),
        compression=("off", "takeover"),
    ),
    Contestant("ours-asyncio", ("todays.py",), ("todays.py",), group="ours"),
    Contestant("websockets", ("upstream.py",), ("upstream.py",)),
    Contestant("aiohttp", ("aiohttp_server.py",), ("aiohttp_client.py",)),
    Contestant("ours-pure", ("ours.py",), ("ours.py",), group="ours", environment=PURE),
    Contestant("ours+zlib-ng", ("ours.py",), group="ours", environment=ZLIB, compression=DEFLATED),
    Contestant("aiohttp+zlib-ng", ("aiohttp_server.py",), environment=ZLIB, compression=DEFLATED),
    Contestant("ours-trio", ("on_trio.py",), ("on_trio.py",), group="ours", own_loop=True),
    Contestant("websockets-trio", ("on_trio.py",), ("on_trio.py",), own_loop=True),
    Contestant("tornado", ("tornado_server.py",), compression=("off", "takeover")),
    Contestant("uvicorn+websockets", (ASGI, "uvicorn+websockets-sansio"), hosts="also"),
    Contestant("ours-uvicorn", (ASGI, "uvicorn+auto"), group="ours", hosts="only"),
    Contestant(
        "ours-asgi",
        (ASGI, "uvicorn+websockets.asgi:WebSocketProtocol"),
        group="ours",
        hosts="only",
    ),
    Contestant("uvicorn+wsproto", (ASGI, "uvicorn+wsproto"), hosts="also"),
    Contestant("granian", (ASGI, "granian"), hosts="only"),
    Contestant("hypercorn", (ASGI, "hypercorn"), hosts="only"),
    Contestant("raw-threads", blocking=("raw_threads.py",), group="raw"),
    Contestant("websocket-client", blocking=("websocket_client.py",)),
    Contestant("ours-threads", blocking=("ours_threads.py",), group="ours"),
    Contestant("websockets.sync", blocking=("upstream_threads.py",)),
    Contestant("httpx-ws", blocking=("httpx_ws_client.py",)),
]
BY_NAME = {contestant.name: contestant for contestant in ALL}
QUICK = ["native", "raw", "ours", "picows", "picows.websockets", "websockets", "aiohttp"]


def is_tree(name: str) -> bool:
    """Tell whether a name is the path of a tree of this library."""
    return os.sep in name


def find(name: str) -> Contestant:
    """
    Return the contestant of a name, or that of a tree of this library.

    Raises:
        KeyError: if there is no such thing.
    """
    if not is_tree(name):
        return BY_NAME[name]
    if not Path(name, "websockets").is_dir():
        raise KeyError(name)
    where = {"PYTHONPATH": str(Path(name).resolve())}
    return replace(BY_NAME["ours"], name=name, environment=where)
