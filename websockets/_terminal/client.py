"""
A client to type into: ``python -m websockets connect URI``.

Owns the terminal, and the two threads that a person and a server need, because neither waits for
the other. Must never know how a connection works. Key decision: lines are read in the main thread,
because that is where Python can interrupt ``input()``, so that no thread is left waiting for a key
when the server ends the connection; the event loop has a thread of its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import shutil
import signal
import sys
import threading
import unicodedata
from typing import Any, Optional, TextIO

from ..client import WebSocketClientProtocol, connect
from ..exceptions import ConnectionClosed, WebSocketException, format_close
from ..typing import Data
from .showing import (
    GREEN,
    RESET,
    YELLOW,
    describe,
    escape,
    forget_output,
    has_colours,
    is_smart,
    show_unknown_characters,
)

try:
    import readline
except ImportError:  # pragma: no cover (Windows)
    readline = None  # type: ignore[assignment]

PROMPT = "> "
CLOSE_TIMEOUT = 2  # seconds, for each step of closing: somebody is waiting

# Whether a wait for a line can be interrupted, as by Ctrl-C. The signal may come just before the
# wait begins, hence it is repeated until it is heard. It has to be the signal of Ctrl-C: input()
# breaks when two of them come together.
INTERRUPTS = hasattr(signal, "pthread_kill")
INTERRUPT_INTERVAL = 0.05  # seconds

# Show a row above that of the cursor, which moves down with its row and keeps its column. Nobody
# has to know what is in that row, so it doesn't matter who edits the line, or that the other thread
# is about to. IND and CUU make room below, at the bottom by scrolling; between DECSC and DECRC, IL
# moves the row down; DECAWM is off, so that a character which is wider than we think does no harm.
INSERT_ROW = "\x1bD\x1b[A\x1b7\x1b[L\r\x1b[?7l{}\x1b[?7h\x1b8\x1b[B"


class Interrupted(BaseException):
    """The wait for a line is over, because of Ctrl-C or because the connection is."""


def cells(character: str) -> int:
    """Return how many cells of a terminal a character takes."""
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def rows_of(text: str, columns: int) -> list[str]:
    """Cut text into rows of a terminal."""
    rows, start, width = [], 0, 0
    for position, character in enumerate(text):
        width += cells(character)
        if width > columns:
            rows.append(text[start:position])
            start, width = position, cells(character)
    return [*rows, text[start:]]


def buffer_output() -> None:
    """
    Let what a key changes on the screen leave in one piece again.

    It is written through C's standard output, from which PYTHONUNBUFFERED and -u take the buffer.
    Bytes that leave one by one let a message in, also in the middle of a control sequence.
    """
    size = 65536
    with contextlib.suppress(ImportError, OSError, ValueError):
        import ctypes

        library = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(library, "stdout")  # ValueError where its name is another
        library.malloc.restype = ctypes.c_void_p
        # Never freed, because the stream outlives the interpreter. The 1 is _IOLBF everywhere.
        buffer = ctypes.c_void_p(library.malloc(ctypes.c_size_t(size)))
        library.setvbuf(stdout, buffer, 1, ctypes.c_size_t(size))


class Screen:
    """
    Read lines, and show what happens above the line that is being typed.

    Where a person sits, everything goes to the terminal, with marks that tell who says it.
    Elsewhere standard output has the messages and nothing else, and standard error has the rest.

    Attributes:
        interactive: whether a person sits at both ends.
        over: whether there is no use in waiting for lines.
    """

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._inserting = self.interactive and is_smart()
        self._colours = has_colours(sys.stdout)
        self._waiting = self.over = False
        show_unknown_characters()
        if readline is not None and "libedit" not in (readline.__doc__ or ""):  # pragma: no branch
            # What is being typed takes one row, however long it is.
            readline.parse_and_bind("set horizontal-scroll-mode on")
        if self._inserting and sys.stdout.write_through:  # type: ignore[union-attr]
            buffer_output()
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        if self._waiting:
            self._waiting = False
            raise Interrupted
        if not self.over:  # pragma: no branch (a matter of timing)
            raise KeyboardInterrupt

    def read_line(self) -> Optional[str]:
        """
        Wait for a line of standard input.

        Returns:
            the line, or None at the end of the input or of the connection, and after Ctrl-C.

        Raises:
            UnicodeError: if it can't be decoded.
        """
        try:
            # The signal may come anywhere in here, in the inner blocks too.
            try:
                self._waiting = True
                line = input(PROMPT) if self.interactive else sys.stdin.readline()
            except EOFError:
                return None
            finally:
                self._waiting = False
        except Interrupted:
            return None
        if self.interactive:
            return line
        return line.rstrip("\n") if line else None

    def message(self, message: Data) -> None:
        """Show a message of the server."""
        text = describe(message)
        self._show(sys.stdout, GREEN, f"< {text}" if self.interactive else text)

    def notice(self, text: str) -> None:
        """Show what the client has to say itself."""
        self._show(sys.stdout if self.interactive else sys.stderr, YELLOW, text)

    def leave(self) -> None:
        """Remove the prompt."""
        if self._inserting:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()

    def _show(self, stream: TextIO, colour: str, text: str) -> None:
        rows = [text]
        if self._inserting:
            rows = rows_of(text, shutil.get_terminal_size().columns)
        if self._colours and stream is sys.stdout:
            rows = [f"{colour}{row}{RESET}" for row in rows]
        if self._inserting:
            text = "".join(INSERT_ROW.format(row) for row in rows)
        elif self.interactive and self._waiting:
            text = f"\r{rows[0]}\n{PROMPT}"
        else:
            text = rows[0] + "\n"
        # In one piece, because the other thread may echo a key at any time.
        stream.write(text)
        stream.flush()


class Conversation:
    """
    Speak with a server, in a thread with an event loop.

    Arguments:
        uri: where to connect.
        screen: where to show what arrives.

    Attributes:
        code: close code, once the connection has ended.
    """

    def __init__(self, uri: str, screen: Screen) -> None:
        self.code: Optional[int] = None
        self._uri = uri
        self._screen = screen
        self._opened: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._left = threading.Event()
        # A Ctrl-C that comes just before a wait doesn't interrupt it, but comes out of this pipe.
        self._signals, writing = os.pipe()
        if INTERRUPTS:  # pragma: no branch (Windows)
            os.set_blocking(writing, False)
            signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        # A daemon, so that a second Ctrl-C ends the program whatever the network does.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk()), daemon=True)

    def open(self) -> None:
        """
        Connect.

        Raises:
            WebSocketException, OSError, ValueError, asyncio.TimeoutError: see :class:`connect`.
        """
        self._thread.start()
        self._loop, self._websocket = self._opened.result()

    def send(self, line: str) -> None:
        """
        Send a message, and wait while the network is slow.

        Raises:
            ConnectionClosed: if the connection has ended.
            UnicodeError: if the line isn't text.
        """
        asyncio.run_coroutine_threadsafe(self._websocket.send(line), self._loop).result()

    def leave(self) -> None:
        """Close the connection, and wait until everything that arrived is shown."""
        asyncio.run_coroutine_threadsafe(self._websocket.close(), self._loop)
        self._left.set()
        self._thread.join()

    async def _talk(self) -> None:
        try:
            websocket = await connect(self._uri, close_timeout=CLOSE_TIMEOUT)
        except Exception as exc:
            self._opened.set_exception(exc)
            return
        if self._screen.interactive:
            self._screen.notice("Connected. Ctrl-D closes the connection.")
        loop = asyncio.get_running_loop()
        self._opened.set_result((loop, websocket))

        def signalled() -> None:
            if signal.SIGINT in os.read(self._signals, 4096):
                self._closing = loop.create_task(websocket.close())

        if INTERRUPTS:  # pragma: no branch (Windows)
            loop.add_reader(self._signals, signalled)
        try:
            await self._listen(websocket)
        except BrokenPipeError:
            forget_output()
        finally:
            await websocket.close()
            await self._wait_until_left()

    async def _listen(self, websocket: WebSocketClientProtocol) -> None:
        try:
            while True:
                self._screen.message(await websocket.recv())
        except ConnectionClosed as exc:
            self.code = exc.code
            self._screen.notice(f"Connection closed: {escape(format_close(exc.code, exc.reason))}.")

    async def _wait_until_left(self) -> None:
        """Keep the loop for the main thread, which may still call it, and make that leave."""
        self._screen.over = True
        while not self._left.is_set():
            if not INTERRUPTS:  # pragma: no cover
                # Windows has no way to interrupt input().
                sys.stdout.flush()
                os._exit(status(self.code))
            main_thread = threading.main_thread().ident
            assert main_thread is not None
            signal.pthread_kill(main_thread, signal.SIGINT)
            await asyncio.sleep(INTERRUPT_INTERVAL)


def status(code: Optional[int]) -> int:
    """Return the exit status for a close code: 0 for an orderly end, without a code too."""
    return 0 if code in (1000, 1001, 1005) else 1


def run(uri: str) -> int:
    """
    Talk to a server until its connection or the input ends.

    Arguments:
        uri: where to connect.

    Returns:
        the exit status: 0 after an orderly end, 1 if the connection failed or a line couldn't be
        sent, 130 after a second Ctrl-C.
    """
    screen = Screen()
    conversation = Conversation(uri, screen)
    try:
        conversation.open()
    except (WebSocketException, OSError, ValueError, asyncio.TimeoutError) as exc:
        print(f"Can't connect: {escape(str(exc)) or type(exc).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    failed = False
    try:
        while not failed:
            try:
                line = screen.read_line()
                if line is None:
                    break
                conversation.send(line)
            except ConnectionClosed:  # pragma: no cover (it ended while the line was sent)
                failed = True
            except UnicodeError:
                screen.notice("That line wasn't sent: it isn't valid text.")
                failed = not screen.interactive
    except KeyboardInterrupt:  # pragma: no cover (while a line was sent)
        pass
    try:
        conversation.leave()
    except KeyboardInterrupt:
        return 130
    finally:
        screen.leave()
    return 1 if failed else status(conversation.code)
