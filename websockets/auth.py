"""
HTTP Basic authentication for servers (RFC 7235, RFC 7617).

Owns the decision who may connect. Must never know how a handshake is answered, nor how credentials
are compared.
"""

from __future__ import annotations

import functools
import http
import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Optional, Union

from ._engine.arguments import function
from ._engine.limits import refuse
from ._handshake.credentials import check_against, is_pair
from .datastructures import Headers
from .exceptions import InvalidHeader
from .headers import build_www_authenticate_basic, parse_authorization_basic
from .server import HTTPResponse, WebSocketServerProtocol

__all__ = ["BasicAuthWebSocketServerProtocol", "basic_auth_protocol_factory"]

Credentials = tuple[str, str]
Check = Callable[[str, str], Union[Awaitable[bool], bool]]


class BasicAuthWebSocketServerProtocol(WebSocketServerProtocol):
    """
    A server's end of a connection whose client must authenticate.

    Arguments:
        realm: scope of protection.
        check_credentials: coroutine function, or function, that takes a username and a password,
            and returns whether they are right.
        args, kwargs: arguments of :class:`WebSocketServerProtocol`.

    Subclasses may have a ``realm`` and a ``check_credentials()`` of their own instead.

    Attributes:
        username: the user, once the client has authenticated.
    """

    realm: str = ""
    username: Optional[str] = None  # type: ignore[assignment]

    def __init__(
        self,
        *args: Any,
        realm: str = "",
        check_credentials: Optional[Check] = None,
        **kwargs: Any,
    ) -> None:
        own = type(self).check_credentials is not BasicAuthWebSocketServerProtocol.check_credentials
        if not callable(check_credentials) and (check_credentials is not None or not own):
            refuse(TypeError, "check_credentials", "a function", check_credentials)
        if realm:
            self.realm = realm
        self._ws_check_credentials = check_credentials
        super().__init__(*args, **kwargs)

    def check_credentials(self, username: str, password: str) -> Union[Awaitable[bool], bool]:
        """Tell whether a username and a password are right, as a function or a coroutine."""
        check: Any = self._ws_check_credentials
        return check(username, password)  # type: ignore[no-any-return]

    async def process_request(self, path: str, request_headers: Headers) -> Optional[HTTPResponse]:
        """
        Check the Authorization header, and answer 401 Unauthorized unless it is right.

        The username is kept in ``username``. Once it is right, a ``process_request`` that was
        given to the constructor has its say.
        """
        try:
            # A header that is missing or there twice is a LookupError.
            authorization = request_headers["Authorization"]
            username, password = parse_authorization_basic(authorization)
        except (LookupError, InvalidHeader):
            return self._unauthorized(b"Missing or malformed credentials.\n")
        right = self.check_credentials(username, password)
        if not (await right if inspect.isawaitable(right) else right):
            return self._unauthorized(b"Invalid credentials.\n")
        self.username = username
        return await super().process_request(path, request_headers)

    def _unauthorized(self, body: bytes) -> HTTPResponse:
        headers = [("WWW-Authenticate", build_www_authenticate_basic(self.realm))]
        return http.HTTPStatus.UNAUTHORIZED, headers, body


def basic_auth_protocol_factory(
    realm: str = "",
    credentials: Union[Credentials, Iterable[Credentials], None] = None,
    check_credentials: Optional[Check] = None,
    create_protocol: Callable[..., Any] = BasicAuthWebSocketServerProtocol,
) -> Callable[..., BasicAuthWebSocketServerProtocol]:
    """
    Make a ``create_protocol`` argument for ``serve()`` that enforces authentication.

    Arguments:
        realm: scope of protection, in ASCII.
        credentials: a ``(username, password)`` pair, or several.
        check_credentials: coroutine function, or function, that takes a username and a password,
            and returns whether they are right; it or ``credentials`` is given, not both.
        create_protocol: class or function that takes the arguments of
            :class:`BasicAuthWebSocketServerProtocol` and returns an instance of it or a subclass.

    Raises:
        TypeError: if neither or both are given, the credentials aren't pairs of strings, or
            another argument has the wrong type.
    """
    if not isinstance(realm, str):
        refuse(TypeError, "realm", "a str", realm)
    if check_credentials is not None:
        function("check_credentials", check_credentials)
    function("create_protocol", create_protocol)
    if (credentials is None) == (check_credentials is None):
        raise TypeError("give either credentials or check_credentials")
    if credentials is not None:
        check_credentials = check_against(pairs_of(credentials))
    return functools.partial(create_protocol, realm=realm, check_credentials=check_credentials)


def pairs_of(credentials: Union[Credentials, Iterable[Credentials]]) -> list[Credentials]:
    """
    Return the pairs that credentials consist of.

    Raises:
        TypeError: if they are something else.
    """
    wanted = "(username, password) pairs of str"
    if is_pair(credentials):
        return [credentials]  # type: ignore[list-item]
    if isinstance(credentials, (str, bytes)) or not isinstance(credentials, Iterable):
        refuse(TypeError, "credentials", wanted, credentials)
    pairs = list(credentials)
    for pair in pairs:
        if not is_pair(pair):
            refuse(TypeError, "credentials", wanted, pair)
    return pairs  # type: ignore[return-value]
