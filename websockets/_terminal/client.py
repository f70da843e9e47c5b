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
import re
import shutil
import signal
import ssl
import sys
import threading
import unicodedata
from collections.abc import Sequence
from typing import Any, Optional, TextIO

from ..client import WebSocketClientProtocol, connect
from ..exceptions import ConnectionClosed, InvalidURI, WebSocketException, format_close
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

COMMANDS = "/ping asks how long the server takes, /close [CODE [REASON]] closes, //... sends /..."

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
        typed: whether a person types, wherever the output goes.
        over: whether there is no use in waiting for lines.
    """

    def __init__(self) -> None:
        self.typed = sys.stdin.isatty()
        self.interactive = self.typed and sys.stdout.isatty()
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
        text = describe(message, whole=not sys.stdout.isatty())
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
        options: arguments of :class:`connect`.

    Attributes:
        code: close code, once the connection has ended.
    """

    def __init__(self, uri: str, screen: Screen, options: dict[str, Any]) -> None:
        self.code: Optional[int] = None
        self._uri = uri
        self._options = options
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

    def ping(self) -> None:
        """
        Send a ping; when it is answered, that is shown.

        Raises:
            ConnectionClosed: if the connection has ended.
        """
        asyncio.run_coroutine_threadsafe(self._ping(), self._loop).result()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """
        Close the connection.

        Raises:
            WebSocketException: if the code or the length of the reason is none for close frames.
            UnicodeError: if the reason isn't text.
        """
        close = self._websocket.close(code, reason)
        asyncio.run_coroutine_threadsafe(close, self._loop).result()

    def leave(self) -> None:
        """Close the connection, and wait until everything that arrived is shown."""
        asyncio.run_coroutine_threadsafe(self._websocket.close(), self._loop)
        self._left.set()
        self._thread.join()

    async def _talk(self) -> None:
        try:
            websocket = await connect(self._uri, close_timeout=CLOSE_TIMEOUT, **self._options)
        except Exception as exc:
            self._opened.set_exception(exc)
            return
        if self._screen.interactive:
            chosen = websocket.subprotocol
            subprotocol = f", subprotocol {escape(chosen)}" if chosen else ""
            self._screen.notice(f"Connected{subprotocol}. Ctrl-D closes the connection.")
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

    async def _ping(self) -> None:
        (await self._websocket.ping()).add_done_callback(self._show_pong)

    def _show_pong(self, latency: asyncio.Future[float]) -> None:
        # A connection that ends first says so itself.
        if not latency.cancelled() and latency.exception() is None:
            self._screen.notice(f"Pong after {latency.result() * 1000:.1f} ms.")

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


def trust(uri: str, cacert: Optional[str], insecure: bool) -> dict[str, ssl.SSLContext]:
    """
    Return the argument of :class:`connect` that tells which certificates are trusted, if any does.

    Arguments:
        uri: where to connect; only TLS has certificates.
        cacert: a file of certificates in PEM, trusted instead of the system's.
        insecure: whether every certificate is trusted, whatever its name.

    Raises:
        OSError: if there are no certificates in the file.
    """
    if not (cacert or insecure) or not uri.lower().startswith("wss:"):
        return {}
    context = ssl.create_default_context(cafile=cacert)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def obey(line: str, conversation: Conversation, screen: Screen) -> bool:
    """
    Do what a line that begins with a slash says.

    Returns:
        whether the person has closed the connection.

    Raises:
        ConnectionClosed: if the connection has ended.
    """
    command, code, reason = (*line.split(maxsplit=2), "", "")[:3]
    if command == "/ping" and not code:
        conversation.ping()
    elif command == "/close" and (code.isdecimal() or not code):
        try:
            conversation.close(int(code or 1000), reason)
        except (WebSocketException, ValueError) as exc:
            screen.notice(f"That can't be said when closing: {exc}.")
        else:
            return True
    else:
        screen.notice(f"{COMMANDS}.")
    return False


def without_password(uri: str) -> str:
    """Return a URI as it may be shown: what stands before the @ is nobody's business."""
    return re.sub(r"(?<=//)[^/?#]*@", "", uri)


def failure(uri: str, exc: Exception) -> str:
    """Return a line that says why there is no connection."""
    text = str(exc) or type(exc).__name__
    if isinstance(exc, InvalidURI) and exc.uri == uri:
        return f"Can't connect: {escape(without_password(text))}"
    return f"Can't connect to {escape(without_password(uri))}: {escape(text)}"


def status(code: Optional[int]) -> int:
    """Return the exit status for a close code: 0 for an orderly end, without a code too."""
    return 0 if code in (1000, 1001, 1005) else 1


def run(
    uri: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Optional[Sequence[str]] = None,
    origin: Optional[str] = None,
    cacert: Optional[str] = None,
    insecure: bool = False,
    compression: Optional[str] = "deflate",
) -> int:
    """
    Talk to a server until its connection or the input ends.

    Arguments:
        uri: where to connect.
        headers: names and values of headers that the request has besides its own.
        subprotocols: those that are offered to the server, the best one first.
        origin: the value of the Origin header, as browsers send it.
        cacert, insecure: see :func:`trust`.
        compression: None forbids it.

    Returns:
        the exit status: 0 after an orderly end, or one that the person asked for; 1 if the
        connection failed or a line couldn't be sent; 130 after a second Ctrl-C.
    """
    try:
        options: dict[str, Any] = trust(uri, cacert, insecure)
    except OSError as exc:
        reason = exc.strerror or str(exc)  # OpenSSL's errors have no name of the file
        print(f"No certificates in {escape(str(cacert))}: {reason}", file=sys.stderr)
        return 1
    options.update(
        extra_headers=headers, subprotocols=subprotocols, origin=origin, compression=compression
    )
    screen = Screen()
    conversation = Conversation(uri, screen, options)
    try:
        conversation.open()
    except (WebSocketException, OSError, ValueError, asyncio.TimeoutError) as exc:
        print(failure(uri, exc), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    failed = closed = False
    try:
        while not failed and not closed:
            try:
                line = screen.read_line()
                if line is None:
                    break
                if screen.typed and line.startswith("/") and not line.startswith("//"):
                    closed = obey(line, conversation, screen)
                else:
                    conversation.send(line[screen.typed and line.startswith("//") :])
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
    return 1 if failed else 0 if closed else status(conversation.code)
