"""
Names that programs import from a module which has them from another.

Owns where each of those modules looks for them: a program of websockets 17.4 may have taken
``State`` from ``websockets.server`` or ``Headers`` from ``websockets.asyncio.client``, because they
happen to be there. Must never be where the library itself has a name from. Key decision: they are
looked for when they are asked for, in what modules below export, so that nobody pays for them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["borrow"]

CONNECTIONS = """
    exceptions _states _sansio.protocol datastructures frames http11 typing headers uri proxy
    utils streams extensions.base extensions.permessage_deflate
"""
FRAMES = "exceptions frames typing"

# Those that have two generations' names look where both have them.
HOMES = {
    "asyncio.client": f"{CONNECTIONS} _sansio.client",
    "asyncio.connection": f"{CONNECTIONS} asyncio.messages",
    "asyncio.router": CONNECTIONS,
    "asyncio.server": f"{CONNECTIONS} _sansio.server asyncio.connection",
    "client": f"{CONNECTIONS} protocol framing handshake http",
    "extensions.base": FRAMES,
    "extensions.permessage_deflate": FRAMES,
    "framing": FRAMES,
    "handshake": "exceptions datastructures typing headers utils",
    "protocol": f"{FRAMES} extensions.base streams framing",
    "server": f"{CONNECTIONS} protocol framing handshake http",
    "sync.client": f"{CONNECTIONS} _sansio.client",
    "sync.connection": f"{CONNECTIONS} sync.messages",
    "sync.router": CONNECTIONS,
    "sync.server": CONNECTIONS,
    "trio.client": f"{CONNECTIONS} _sansio.client",
    "trio.connection": f"{CONNECTIONS} trio.messages",
    "trio.router": CONNECTIONS,
    "trio.server": CONNECTIONS,
}


def borrow(namespace: dict[str, Any]) -> Callable[[str], Any]:
    """
    Let a module have names from others.

    Arguments:
        namespace: globals of the module.

    Returns:
        the module's ``__getattr__()``, for those that have another, which asks it in the end.
    """
    module = namespace["__name__"]
    package, _, place = module.partition(".")
    homes = HOMES[place]

    def __getattr__(name: str) -> Any:
        if not name.startswith("_"):
            for home in homes.split():
                lender = importlib.import_module(f"{package}.{home}")
                if name in lender.__all__:
                    value = namespace[name] = getattr(lender, name)
                    return value
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    namespace["__getattr__"] = __getattr__
    return __getattr__
