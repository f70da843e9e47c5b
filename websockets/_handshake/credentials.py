"""
Usernames and passwords, as servers compare them (RFC 7617).

Owns the comparison. Must never know where credentials come from, nor what becomes of who has none.
Key decision: they are compared as bytes, in a time that doesn't depend on where they differ or on
whether the user exists.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

__all__ = ["check_against", "is_pair"]


def is_pair(value: Any) -> bool:
    """Tell whether a value is a ``(username, password)`` pair."""
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(item, str) for item in value)
    )


def check_against(pairs: Iterable[tuple[str, str]]) -> Callable[[str, str], Awaitable[bool]]:
    """Make a coroutine function that checks a username and a password against a list."""
    import hmac  # It loads OpenSSL, which most servers have no other use for.

    passwords = {
        username: password.encode(errors="surrogateescape") for username, password in pairs
    }

    async def check_credentials(username: str, password: str) -> bool:
        known = passwords.get(username)
        # An unknown user takes as long as a wrong password.
        same = hmac.compare_digest(known or b"", password.encode(errors="surrogateescape"))
        return same and known is not None

    return check_credentials
