"""
The step from a request to a handler, a redirect or 404, with werkzeug's rules.

Owns that step. Must never know how a handshake is answered, nor how a handler is called. Key
decision: werkzeug is asked for only when a router is made, so that nobody needs it who doesn't use
one.
"""

from __future__ import annotations

import http
import inspect
import urllib.parse
from typing import Any, Callable, Optional

from ..http11 import Request, Response

__all__ = ["Routing", "behind", "require_werkzeug"]


class Routing:
    """
    Choose handlers by the path of requests.

    Arguments:
        url_map: a ``werkzeug.routing.Map``, whose endpoints are handlers.
        server_name: name of the server, for rules with hosts and for redirects; the Host header by
            default.
        url_scheme: "ws", or "wss" for redirects with TLS.
    """

    def __init__(
        self, url_map: Any, server_name: Optional[str] = None, url_scheme: str = "ws"
    ) -> None:
        self.url_map = url_map
        self.server_name = server_name
        self.url_scheme = url_scheme
        for rule in self.url_map.iter_rules():
            rule.websocket = True

    def get_server_name(self, connection: Any, request: Request) -> str:
        """Return the name of the server that a request asks."""
        if self.server_name is None:
            return request.headers["Host"]
        return self.server_name

    def redirect(self, connection: Any, url: str) -> Response:
        """Return the response that sends a client elsewhere."""
        response: Response = connection.respond(http.HTTPStatus.FOUND, f"Found at {url}")
        response.headers["Location"] = url
        return response

    def not_found(self, connection: Any) -> Response:
        """Return the response where there is no handler."""
        response: Response = connection.respond(http.HTTPStatus.NOT_FOUND, "Not Found")
        return response

    def route_request(self, connection: Any, request: Request) -> Optional[Response]:
        """
        Choose the handler for a request, as ``process_request`` of ``serve()``.

        Returns:
            None if there is one, then it is in ``connection.handler``; otherwise a response.
        """
        from werkzeug.exceptions import NotFound
        from werkzeug.routing import RequestRedirect

        adapter = self.url_map.bind(
            server_name=self.get_server_name(connection, request), url_scheme=self.url_scheme
        )
        parts = urllib.parse.urlsplit(request.path)
        try:
            handler, kwargs = adapter.match(path_info=parts.path, query_args=parts.query)
        except RequestRedirect as redirect:
            return self.redirect(connection, redirect.new_url)
        except NotFound:
            return self.not_found(connection)
        connection.handler, connection.handler_kwargs = handler, kwargs
        return None


def behind(first: Optional[Callable[..., Any]], router: Routing) -> Callable[..., Any]:
    """Return the ``process_request`` of a router in tasks, behind a program's own, or None."""

    async def process_request(connection: Any, request: Request) -> Optional[Response]:
        if first is not None:
            response = first(connection, request)
            if inspect.isawaitable(response):
                response = await response
            if response is not None:
                return response  # type: ignore[no-any-return]
        return router.route_request(connection, request)

    return process_request


def require_werkzeug(name: str) -> None:
    """Raise ImportError in the name of a function, if there is no werkzeug."""
    try:
        import werkzeug.routing  # noqa: F401
    except ImportError:
        raise ImportError(f"{name}() requires werkzeug") from None
