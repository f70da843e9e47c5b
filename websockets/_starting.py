"""
How ``serve()`` and ``connect()`` are called, and how they aren't.

Owns what the two have in common before anything is started: their arguments are checked, and who
forgets ``async`` or misspells an argument is told so in words about that function. Must never know
what is started. Key decision: which other arguments there are is asked of the event loop that takes
them, so that no list here has to follow the versions of Python, nor other loops.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Generator
from typing import Any, NamedTuple, NoReturn, Optional

from ._engine.arguments import Rules, check_arguments, unexpected

__all__ = ["Function", "Starting", "closing_time", "is_deflate"]

# What the event loops' methods take but users don't give, and what is taken here, where TLS is
# done, with every version of Python.
NOT_FOR_USERS = {"self", "protocol_factory"}
OF_TLS = {"ssl_handshake_timeout", "ssl_shutdown_timeout"}


class Function(NamedTuple):
    """
    A function that starts something.

    * ``name``: its name;
    * ``method``: the event loop's method that takes the arguments it doesn't know;
    * ``rules``: the rules of those that it knows;
    * ``ways``: how it is used, with ``{0}`` for its name.
    """

    name: str
    method: str
    rules: Rules
    ways: str

    def check(self, arguments: dict[str, Any], kwds: dict[str, Any]) -> None:
        """
        Check the arguments of a call: its ``locals()``, and those that it has no names for.

        Raises:
            TypeError, ValueError: if a value can't be what it is meant to be, or an argument is
                neither ours nor the event loop's.
        """
        unknown = [name for name in kwds if name not in self.rules]
        if unknown:
            others = arguments_of(*methods_of_loops(self.method))
            for name in unknown:
                # With a proxy, some arguments are there twice.
                once = name[6:] if name.startswith("proxy_") and "proxy" in self.rules else name
                if others is not None and once not in others:
                    unexpected(self.name, name, {*self.rules, *others})
        check_arguments(self.rules, arguments)
        check_arguments(self.rules, kwds)

    def misused(self, statement: str) -> NoReturn:
        """Tell who uses it in a statement that can't wait."""
        ways = self.ways.format(self.name)
        raise TypeError(f"{self.name}() can't be used in a plain {statement!r}: use {ways}")


class Starting:
    """What is awaited or entered to start something; a subclass sets ``_function``."""

    _function: Function
    __signature__: inspect.Signature

    def __init_subclass__(cls) -> None:
        # What __new__() takes isn't for people.
        if "__init__" in vars(cls):
            first, *others = inspect.signature(cls.__init__).parameters.values()
            cls.__signature__ = inspect.Signature(others)

    def __await__(self) -> Generator[Any, None, Any]:
        raise NotImplementedError

    # Programs written before async/await say "yield from", which only generators can.
    def __iter__(self) -> Generator[Any, None, Any]:
        if not sys._getframe(1).f_code.co_flags & inspect.CO_GENERATOR:
            self._function.misused("for")
        return self.__await__()

    def __enter__(self) -> NoReturn:
        self._function.misused("with")

    def __exit__(self, *exc_info: object) -> None:
        raise NotImplementedError


def closing_time(close_timeout: Optional[float], timeout: Optional[float]) -> Optional[float]:
    """Return ``close_timeout``, or what was given by its older name where it has its default."""
    return timeout if timeout is not None and close_timeout == 10 else close_timeout


def is_deflate(compression: Optional[str]) -> bool:
    """Tell whether to negotiate permessage-deflate; raise ValueError for anything but None."""
    if compression not in ("deflate", None):
        raise ValueError(f"compression must be 'deflate' or None, not {compression!r}")
    return compression is not None


def methods_of_loops(name: str) -> list[Any]:
    """Return a method of the running event loop, or where there is none, of those there are."""
    try:
        loops: list[Any] = [type(asyncio.get_running_loop())]
    except RuntimeError:
        loops = [asyncio.SelectorEventLoop, getattr(sys.modules.get("uvloop"), "Loop", None)]
    return [getattr(loop, name) for loop in loops if hasattr(loop, name)]


@functools.lru_cache(maxsize=16)
def arguments_of(*methods: Any) -> Optional[frozenset[str]]:
    """Return the names of the arguments of event loops' methods, None if they may take others."""
    names = set(OF_TLS)
    for method in methods:
        try:
            parameters = inspect.signature(method).parameters
        except (TypeError, ValueError):
            return None
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return None
        names.update(parameters)
    return frozenset(names - NOT_FOR_USERS) if methods else None
