"""
Arguments that servers and clients hand on to the event loop, or to trio, for type checkers.

Owns their names and types. Nothing here is there at run time, when the event loop itself is asked
for its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    import socket
    from collections.abc import Callable, Iterator, Sequence
    from ssl import SSLContext
    from typing import Any, Literal, Optional, Union

    from typing_extensions import TypedDict

    from .datastructures import HeadersLike
    from .typing import LoggerLike, Origin, Subprotocol

    class OfBoth(TypedDict, total=False):
        """Arguments of both sides."""

        ssl_handshake_timeout: Optional[float]
        ssl_shutdown_timeout: Optional[float]
        reactor: bool

    class Connecting(OfBoth, total=False):
        """Arguments of :meth:`asyncio.loop.create_connection`, and of the way through a proxy."""

        ssl: Union[bool, SSLContext, None]
        server_hostname: Optional[str]
        host: Optional[str]
        port: Optional[int]
        sock: Optional[socket.socket]
        local_addr: Optional[tuple[str, int]]
        family: int
        proto: int
        flags: int
        happy_eyeballs_delay: Optional[float]
        interleave: Optional[int]
        all_errors: bool
        unix: bool
        path: Union[str, bytes, os.PathLike[str], None]
        proxy_ssl: Union[bool, SSLContext, None]
        proxy_server_hostname: Optional[str]
        proxy_ssl_handshake_timeout: Optional[float]
        proxy_ssl_shutdown_timeout: Optional[float]

    class OnTrio(TypedDict, total=False):
        """Arguments of ``trio.open_tcp_stream()``, and of ``trio.open_unix_socket()``."""

        host: Union[str, bytes]
        port: int
        local_address: Optional[str]
        happy_eyeballs_delay: Optional[float]
        unix: bool
        path: Union[str, bytes, os.PathLike[str], os.PathLike[bytes], None]

    class Serving(OfBoth, total=False):
        """Arguments of :meth:`asyncio.loop.create_server`."""

        ssl: Optional[SSLContext]
        family: int
        flags: int
        sock: Optional[socket.socket]
        backlog: int
        reuse_address: Optional[bool]
        reuse_port: Optional[bool]
        keep_alive: Optional[bool]
        start_serving: bool
        unix: bool
        path: Union[str, bytes, os.PathLike[str], None]
        cleanup_socket: bool

    class Older(TypedDict, total=False):
        """Arguments of both sides of 8.1's face that it doesn't document."""

        klass: Optional[Callable[..., Any]]
        timeout: Optional[float]
        open_timeout: Optional[float]
        max_fragments: Optional[int]
        gather_writes: bool
        legacy_recv: bool
        logger: Optional[LoggerLike]

    class OlderConnecting(Connecting, Older, total=False):
        """Arguments of 8.1's ``connect()``."""

        additional_headers: Optional[HeadersLike]
        user_agent_header: Optional[str]
        proxy: Union[str, Literal[True], None]
        create_connection: Callable[..., Any]
        process_exception: Callable[[Exception], Optional[Exception]]
        reconnect_delays: Callable[[], Iterator[float]]

    class OlderServing(Serving, Older, total=False):
        """Arguments of 8.1's ``serve()``."""

        allowed_hosts: Any
        server_header: Optional[str]
        handler: Callable[[Any], Any]
        process_response: Callable[..., Any]
        create_connection: Callable[..., Any]

    class ToAddress(TypedDict, total=False):
        """Arguments of :func:`socket.create_connection`, and older ones of today's."""

        address: tuple[str, int]
        source_address: Optional[tuple[str, int]]
        timeout: Optional[float]
        all_errors: bool
        ssl_context: Optional[SSLContext]

    class Blocking(ToAddress, total=False):
        """Arguments of today's ``connect()`` for threads."""

        sock: Optional[socket.socket]
        ssl: Union[bool, SSLContext, None]
        server_hostname: Optional[str]
        origin: Optional[Origin]
        extensions: Optional[Sequence[Any]]
        subprotocols: Optional[Sequence[Subprotocol]]
        compression: Optional[str]
        additional_headers: Optional[HeadersLike]
        user_agent_header: Optional[str]
        proxy: Union[str, bool, None]
        proxy_ssl: Union[bool, SSLContext, None]
        proxy_server_hostname: Optional[str]
        open_timeout: Optional[float]
        ping_interval: Optional[float]
        ping_timeout: Optional[float]
        close_timeout: Optional[float]
        max_size: Union[int, None, tuple[Optional[int], Optional[int]]]
        max_queue: Union[int, None, tuple[Optional[int], Optional[int]]]
        logger: Optional[LoggerLike]
        create_connection: Optional[Callable[..., Any]]
        process_exception: Callable[[Exception], Optional[Exception]]
        reconnect_delays: Callable[[], Iterator[float]]

    class BlockingServer(TypedDict, total=False):
        """Arguments of :func:`socket.create_server`, and older ones of today's."""

        family: int
        backlog: Optional[int]
        reuse_port: bool
        dualstack_ipv6: bool
        ssl_context: Optional[SSLContext]
        unix: bool
        path: Union[str, bytes, os.PathLike[str], None]
