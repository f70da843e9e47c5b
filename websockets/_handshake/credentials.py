"""
Usernames and passwords, as servers ask for them and compare them (RFC 7617).

Owns the comparison, and what is answered to who has none or the wrong ones. Must never know where
credentials are kept, nor how a program checks them. Key decision: they are compared as bytes, in a
time that doesn't depend on where they differ or on whether the user exists.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple, Optional, Union

from ..exceptions import InvalidHeader
from ..headers import build_www_authenticate_basic, parse_authorization_basic

__all__ = ["BasicAuth", "check_against", "is_pair"]


def is_pair(value: Any) -> bool:
    """Tell whether a value is a ``(username, password)`` pair."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(item, str) for item in value)
    )


def check_against(pairs: Iterable[tuple[str, str]]) -> Callable[[str, str], bool]:
    """Make a function that checks a username and a password against a list."""
    import hmac  # It loads OpenSSL, which most servers have no other use for.

    passwords = {
        username: password.encode(errors="surrogateescape") for username, password in pairs
    }

    def check_credentials(username: str, password: str) -> bool:
        known = passwords.get(username)
        # An unknown user takes as long as a wrong password.
        same = hmac.compare_digest(known or b"", password.encode(errors="surrogateescape"))
        return same and known is not None

    return check_credentials


class BasicAuth(NamedTuple):
    """
    HTTP Basic authentication by today's rules.

    * ``realm``: scope of protection, in ASCII;
    * ``check``: a function of a username and a password, which tells whether they are right, or
      returns what tells that.
    """

    realm: str
    check: Callable[[str, str], Any]

    @classmethod
    def of(cls, realm: str, credentials: Any, check_credentials: Any) -> BasicAuth:
        """
        Read the arguments of ``basic_auth()``.

        Raises:
            ValueError: if neither or both of the last two are given.
            TypeError: if the credentials aren't pairs of strings.
        """
        if (credentials is None) == (check_credentials is None):
            raise ValueError("provide either credentials or check_credentials")
        if credentials is not None:
            pairs: Any = [credentials] if is_pair(credentials) else credentials
            try:
                pairs = list(pairs)
            except TypeError:
                pairs = [None]
            if not all(map(is_pair, pairs)):
                raise TypeError(f"invalid credentials argument: {credentials!r}")
            check_credentials = check_against(pairs)
        return cls(realm, check_credentials)

    def claimed(self, request: Any) -> Union[tuple[str, str], str]:
        """Return the username and the password of a request, or why it has none."""
        try:
            return parse_authorization_basic(request.headers["Authorization"])
        except KeyError:
            return "Missing credentials\n"
        except (LookupError, InvalidHeader):
            return "Unsupported credentials\n"

    async def process_request(self, connection: Any, request: Any) -> Any:
        """Let a client in, or return the response that doesn't, on asyncio and on trio alike."""
        claimed = self.claimed(request)
        if isinstance(claimed, str):
            return self.decide(connection, None, claimed)
        right = self.check(*claimed)
        if inspect.isawaitable(right):
            right = await right
        return self.decide(connection, claimed[0] if right else None, "Invalid credentials\n")

    def decide(self, connection: Any, username: Optional[str], text: str) -> Any:
        """
        Let a client in, or make the response that doesn't.

        Arguments:
            connection: the connection, which is told the username.
            username: the username, None if the client isn't let in.
            text: what it is told then.
        """
        if username is not None:
            connection.username = username
            return None
        response = connection.respond(HTTPStatus.UNAUTHORIZED, text)
        response.headers["WWW-Authenticate"] = build_www_authenticate_basic(self.realm)
        return response
