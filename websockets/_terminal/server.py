"""
A server to try things with: ``python -m websockets serve --echo``, or ``--topic``.

Owns what is shown of its connections. Must never know how a connection works. Key decision: each
event takes a line, which begins with the connection's number, so that other programs can read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
from typing import Any

from ..exceptions import ConnectionClosed, format_close
from ..server import WebSocketServerProtocol, serve
from ..topics import Topics
from .showing import (
    GREEN,
    RESET,
    YELLOW,
    describe,
    escape,
    forget_output,
    has_colours,
    show_unknown_characters,
)

EVERYBODY = "everybody"  # the one topic there is


class Journal:
    """
    Tell what happens, a line for each event.

    Arguments:
        echo: whether messages are sent back.
        topic: whether they are sent to everybody.
    """

    def __init__(self, echo: bool, topic: bool) -> None:
        self._echo = echo
        self._topics = Topics(history=0) if topic else None
        self._numbers = itertools.count(1)
        self._colours = has_colours(sys.stdout)
        show_unknown_characters()

    def notice(self, text: str, colour: str = YELLOW) -> None:
        """Show what the server has to say itself."""
        try:
            print(f"{colour}{text}{RESET}" if self._colours else text, flush=True)
        except BrokenPipeError:
            forget_output()

    def message(self, number: int, text: str) -> None:
        """Show what a connection says."""
        self.notice(f"{number} < {text}", GREEN)

    async def follow(self, websocket: WebSocketServerProtocol) -> None:
        """Handle a connection."""
        number = next(self._numbers)
        origin = address(websocket.remote_address)
        self.notice(f"{number} connected from {origin}, {escape(websocket.path)}")
        try:
            if self._topics is not None:
                await self._topics.subscribe(websocket, EVERYBODY)
            while True:
                message = await websocket.recv()
                self.message(number, describe(message))
                if self._echo:
                    await websocket.send(message)
                elif self._topics is not None:
                    await self._topics.publish(EVERYBODY, message)
        except ConnectionClosed as exc:
            self.notice(f"{number} closed: {escape(format_close(exc.code, exc.reason))}.")


def address(name: Any) -> str:
    """Return the address of a socket as a URI has it."""
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def listen(host: str, port: int, journal: Journal) -> None:
    """Serve until the program is interrupted."""
    async with serve(journal.follow, host, port) as server:
        for sock in server.sockets or ():
            journal.notice(f"Serving at ws://{address(sock.getsockname())} (Ctrl-C ends it)")
        await ctrl_c()


async def ctrl_c() -> None:
    """Wait for Ctrl-C; the next one interrupts the program."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    # Before Python 3.11, Ctrl-C would stop the event loop rather than the task; and Windows' event
    # loops have no signals.
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, pressed.set)
    await pressed.wait()
    loop.remove_signal_handler(signal.SIGINT)


def run(host: str, port: int, echo: bool, topic: bool) -> int:
    """
    Serve until Ctrl-C.

    Arguments:
        host, port: where to listen.
        echo: whether messages are sent back.
        topic: whether they are sent to everybody.

    Returns:
        the exit status: 0 after Ctrl-C, 1 if there can be no server.
    """
    try:
        asyncio.run(listen(host, port, Journal(echo, topic)))
    except OSError as exc:
        print(f"Can't serve: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # pragma: no cover (Windows, or pressed twice)
        pass
    return 0
