"""
Servers that choose a handler by the path of the request, with werkzeug's rules.

Owns how a router is put before a server. Must never know how a handler is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Literal, Optional, Union

from .._borrowed import borrow
from .._handshake.routing import Routing, behind, require_werkzeug
from .server import Server, ServerConnection, serve

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Router", "route", "unix_route"]

borrow(globals())


class Router(Routing):
    """
    Choose handlers by the path of requests.

    Arguments:
        url_map: a ``werkzeug.routing.Map``, whose endpoints are handlers: coroutine functions
            of a connection and of what was captured from the path.
        server_name: name of the server, for rules with hosts and for redirects; the Host header by
            default.
        url_scheme: "ws", or "wss" for redirects with TLS.
    """

    async def handler(self, connection: ServerConnection) -> None:
        """Handle a connection by the handler that was chosen."""
        await connection.handler(connection, **connection.handler_kwargs)


def route(
    url_map: Any,
    *args: Any,
    server_name: Optional[str] = None,
    ssl: Union[SSLContext, Literal[True], None] = None,
    create_router: Optional[Callable[..., Router]] = None,
    **kwargs: Any,
) -> Server:
    """
    Start a server that chooses handlers by the path, with the package ``werkzeug``.

    Arguments:
        url_map: see :class:`Router`; a handler is called with what was captured from the path::

                url_map = Map([Rule("/channel/<name>", endpoint=channel)])

                async def channel(connection, name):
                    ...

        server_name: see :class:`Router`.
        ssl: a context for TLS; True if there is TLS in front of this server, for redirects.
        create_router: class or function that takes the arguments of :class:`Router` and returns an
            instance of it or of a subclass.
        args, kwargs: arguments of :func:`~websockets.asyncio.server.serve` behind its ``handler``.
            A ``process_request`` comes before the router, and wins if it returns a response.
    """
    require_werkzeug("route")
    url_scheme = "ws" if ssl is None else "wss"
    if ssl is not None and ssl is not True:
        kwargs["ssl"] = ssl
    router = (create_router or Router)(url_map, server_name, url_scheme)
    process_request = behind(kwargs.pop("process_request", None), router)

    return serve(router.handler, *args, process_request=process_request, **kwargs)


def unix_route(url_map: Any, path: Optional[str] = None, **kwargs: Any) -> Server:
    """
    Start a server on a Unix socket that chooses handlers by the path of the request.

    Arguments:
        url_map: see :class:`Router`.
        path: path of the socket in the file system; it may be left out if ``sock`` is given.
        kwargs: arguments of :func:`route`, or of :meth:`asyncio.loop.create_unix_server`.
    """
    require_werkzeug("unix_route")
    return route(url_map, unix=True, path=path, **kwargs)
