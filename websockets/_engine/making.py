"""
Making connections, where a program's own code may fail.

Owns the calls of ``create_protocol`` and of ``connection_made()`` and ``connection_lost()`` that a
subclass overrides, as the event loop makes them. Must never know what a connection does. Key
decision: what goes wrong there is logged once and ends that one TCP connection, which the event
loop would leave open or close without a word, and its handler, which would wait for ever; only what
is meant to end the program goes on to the event loop.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["copies_of", "let_out", "maker", "watch_end"]


class Unmade:
    """Stands for a connection that couldn't be made: it ends TCP, and hears nothing."""

    def connection_made(self, transport: Any) -> None:
        """Take a transport, and give it up."""
        transport.abort()

    def ignore(self, *args: Any) -> None:
        """Take notice of nothing."""

    data_received = eof_received = pause_writing = resume_writing = connection_lost = ignore


def let_out(loop: Any, exc: BaseException) -> None:
    """Raise what is meant to end the program, in a turn of its own: nothing is half done then."""
    if isinstance(exc, (SystemExit, KeyboardInterrupt)):
        loop.call_soon(reraise, exc)


def reraise(exc: BaseException) -> None:
    """Raise an exception."""
    raise exc


def watch_end(loop: Any, protocol: Any, usual: Any, logger: Any) -> None:
    """
    Let a connection end though an overridden ``connection_lost()`` raises.

    Arguments:
        loop: the event loop.
        protocol: a connection that isn't connected yet.
        usual: the class that its own is a subclass of, if it is one of ours.
        logger: where the error is logged.
    """
    kind = type(protocol)
    if issubclass(kind, usual) and kind.connection_lost is not usual.connection_lost:
        itself = weakref.ref(protocol)
        protocol.connection_lost = functools.partial(end, loop, itself, usual, logger)


def end(loop: Any, itself: Callable[[], Any], usual: Any, logger: Any, reason: Any) -> None:
    """Call what a program has overridden, for the one time that there is."""
    protocol = itself()
    del protocol.connection_lost
    try:
        protocol.connection_lost(reason)
    except BaseException as exc:
        logger.error("error in connection_lost()", exc_info=True)
        usual.connection_lost(protocol, reason)  # This does nothing if it was called before.
        let_out(loop, exc)


def copies_of(protocol: Any) -> Callable[[], Any]:
    """
    Return a factory of protocols that are as one that was just made, and has checked its arguments.

    Arguments:
        protocol: one whose class is ours, so that nothing else than attributes comes of making it.
    """
    cls: Any = type(protocol)
    settings = list(vars(protocol).items())
    new = object.__new__

    def make() -> Any:
        copy = new(cls)
        for name, value in settings:
            setattr(copy, name, value)
        return copy

    return make


def maker(
    loop: Any,
    create: Callable[[], Any],
    usual: Any,
    unregister: Callable[[Any], None],
    logger: Any,
    name: str = "create_protocol",
) -> Callable[[], Any]:
    """
    Make the factory of protocols that a server gives to the event loop.

    Arguments:
        loop: the event loop.
        create: makes a protocol.
        usual: the class of protocols, with methods that need no watching.
        unregister: forgets a protocol that couldn't begin.
        logger: where errors are logged.
        name: what programs call ``create``.
    """

    def make() -> Any:
        try:
            protocol = create()
            if type(protocol) is not usual:
                watch(protocol)
            return protocol
        except BaseException as exc:
            logger.error(f"error in {name}", exc_info=True)
            let_out(loop, exc)
            return Unmade()

    def watch(protocol: Any) -> None:
        if not hasattr(protocol, "connection_made"):
            raise TypeError(f"{name} must return a protocol, not {protocol!r}")
        kind = type(protocol)
        if not issubclass(kind, usual):
            return
        # The instance's own comes before the class's, for the one call that there is. By attributes
        # that it sets, a subclass can make even ours fail. Who calls has the protocol: to refer to
        # it here would keep one that is never called.
        itself = weakref.ref(protocol)
        protocol.connection_made = functools.partial(begin, itself)
        watch_end(loop, protocol, usual, logger)

    def begin(itself: Callable[[], Any], transport: Any) -> None:
        protocol = itself()
        del protocol.connection_made
        try:
            protocol.connection_made(transport)
        except BaseException as exc:
            logger.error("error in connection_made()", exc_info=True)
            unregister(protocol)
            if not hasattr(protocol, "handler_task"):
                # It hasn't begun, so that it can't end.
                transport.set_protocol(Unmade())
            transport.abort()
            let_out(loop, exc)

    return make
