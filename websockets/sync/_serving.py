"""
A running server for threads: its listener, the threads of its connections, and how it closes.

Owns the loop that accepts, a thread for each connection, and the order in which a server closes.
Must never know how a connection is made nor what its handshake says: it is given what makes one,
which opens itself. Key decision: each connection has a thread for its handler, which does the TLS
handshake and the opening handshake, too; so nobody who dribbles one keeps others waiting.
"""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Optional, TypeVar

from .._engine.journal import name_of
from .._engine.phases import UNCONNECTED
from .._faces.answering import Asked
from .._threads.deadline import Deadline
from .._threads.reaching import over_tls, without_delay
from .._threads.sockets import end_of, is_the_systems
from ..typing import LoggerLike
from .connection import Connection

__all__ = ["RunningServer"]

# What accept() fails with while the process or the system has no room for another socket.
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
PAUSE = 0.1  # seconds until it is tried again

Entered = TypeVar("Entered", bound="RunningServer")


class RunningServer(Asked):
    """
    A server that accepts connections, and serves each in a thread.

    Arguments:
        sock: a socket that listens.
        handler: a function of a connection.
        logger: ``websockets.server`` by default.
        make: makes a connection, given its socket and this.
    """

    def __init__(
        self,
        sock: socket.socket,
        handler: Callable[[Any], Any],
        logger: Optional[LoggerLike],
        make: Callable[[Any, Any], Any],
    ) -> None:
        self.socket = sock
        self.handler = handler
        self.logger: Any = logging.getLogger("websockets.server") if logger is None else logger
        self._make = make
        self._ssl: Any = None
        self._closing = False
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._opening: set[Any] = set()  # sockets whose connections aren't open yet
        self._all: set[Any] = set()
        self._waker, self._wakes = socket.socketpair()

    def fileno(self) -> int:
        """Return the descriptor of the socket that listens, -1 once it is closed."""
        return self.socket.fileno()

    def serve_forever(self) -> None:
        """Serve connections, each in a thread of its own, until another calls shutdown()."""
        self.logger.info("server listening on %s", name_of(self.socket.getsockname()))
        if is_the_systems(self.socket):
            # What others accept is of their kind only as long as they block, with eventlet.
            self.socket.setblocking(False)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._wakes, selectors.EVENT_READ)
                selector.register(self.socket, selectors.EVENT_READ)
                while not self._closing:
                    ready = [key.fileobj for key, _ in selector.select()]
                    if self.socket in ready and not self._closing and not self._accept():
                        # Whoever is waiting there waits until others have gone.
                        selector.unregister(self.socket)
                        selector.select(PAUSE)
                        if not self._closing:
                            selector.register(self.socket, selectors.EVENT_READ)
        finally:
            self._stopped.set()

    def _accept(self) -> bool:
        """Accept a connection, and start its thread; return False if there is no room."""
        try:
            sock, _ = self.socket.accept()
        except OSError as exc:
            return exc.errno not in NO_ROOM
        sock.setblocking(True)
        thread = threading.Thread(target=self._serve, args=(sock,), daemon=False)
        with self._lock:
            self._threads.add(thread)
            self._opening.add(sock)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads.discard(thread)
                self._opening.discard(sock)
            end_of(sock)
            self.logger.error("connection handler failed", exc_info=True)
            return False
        return True

    def _serve(self, sock: Any) -> None:
        """Serve a connection from the TLS handshake to its end."""
        connection: Any = None
        try:
            connection = self._open(sock)
            if connection is not None:
                self._handle(connection)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._opening.discard(sock)
                self._all.discard(connection)

    def _open(self, sock: Any) -> Any:
        """Return the connection once it is open, None if it won't be."""
        deadline = Deadline(self.open_timeout)
        raw = sock
        try:
            without_delay(sock)
            if self._ssl is not None:
                sock = over_tls(sock, self._ssl, deadline, True)
        except OSError as exc:
            self.logger.debug("! TLS handshake failed", exc_info=exc)
            end_of(raw)
            return None
        try:
            connection = self._make(sock, self)
        except BaseException:
            self.logger.error("error in create_connection", exc_info=True)
            end_of(sock)
            return None
        with self._lock:
            self._all.add(connection)
        try:
            if connection._ws_open(deadline):
                with self._lock:
                    self._opening.discard(raw)
                    closing = self._closing
                if closing:
                    connection.close(1001)
                return connection
        except BaseException:
            self.logger.error("opening handshake failed", exc_info=True)
            connection.close_socket()
        with self._lock:
            self._all.discard(connection)
        return None

    def _handle(self, connection: Any) -> None:
        try:
            self.handler(connection)
        except Exception:
            connection.logger.error("connection handler failed", exc_info=True)
            connection.close(1011)
        except BaseException:
            connection.logger.error("connection handler failed", exc_info=True)
            connection.close(1011)
            raise
        else:
            connection.close()

    def shutdown(self, close_connections: bool = True, code: int = 1001, reason: str = "") -> None:
        """
        Shut the server down.

        It stops listening, waits until :meth:`serve_forever` has stopped accepting, closes
        connections, and waits until all handlers have returned.

        Arguments:
            close_connections: whether to close connections that are open, or to wait until they
                are closed.
            code, reason: what they are closed with.

        Raises:
            RuntimeError: in the thread of a handler, if that would wait for itself.
        """
        me = threading.current_thread()
        if not close_connections and me in self._threads:
            raise RuntimeError("shutdown(close_connections=False) would wait for its own thread")
        with self._lock:
            first, self._closing = not self._closing, True
        if first:
            self.logger.info("server closing")
            self._waker.send(b"\0")
        self._stopped.wait()
        for sock in (self.socket, self._waker, self._wakes):
            sock.close()
        with self._lock:
            opening, connections = list(self._opening), list(self._all)
        for sock in opening:
            try:
                # Nobody waits for the rest of a request any more.
                sock.shutdown(socket.SHUT_RD)
            except OSError:
                pass
        if close_connections:
            close_all([it for it in connections if it._ws_phase is not UNCONNECTED], code, reason)
        while True:
            with self._lock:
                others = [thread for thread in self._threads if thread is not me]
            if not others:
                break
            for thread in others:
                thread.join()
        if first:
            self.logger.info("server closed")

    def __enter__(self: Entered) -> Entered:
        return self

    def __exit__(
        self,
        exc_type: Optional[type[BaseException]],
        exc_value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.shutdown()


def close_all(connections: list[Any], code: int, reason: str) -> None:
    """Close connections at the same time, and wait for all of them."""
    if not connections:
        return
    usual = [it for it in connections if type(it).close is Connection.close]
    for connection in usual:
        connection._ws_phase.start_closing(code, reason)
    others = [it for it in connections if type(it).close is not Connection.close]
    if others:
        with ThreadPoolExecutor(len(others)) as executor:
            list(executor.map(lambda connection: connection.close(code, reason), others))
    for connection in usual:
        connection.close(code, reason)
