"""
Close frames as values, and what their codes mean (RFC 6455 section 7.4).

Owns the table of codes and their names. Must never know connections. Key decision: a code is a
plain number where it comes from a peer, so that one nobody has registered is a value like others;
:class:`CloseCode` gives names to those that are.
"""

from __future__ import annotations

import enum

__all__ = ["Close", "CloseCode"]


class CloseCode(enum.IntEnum):
    """Close codes (RFC 6455 7.4.1, and IANA's registry for 1012 to 1014)."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    # 1004 is reserved
    NO_STATUS_RCVD = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


CLOSE_CODE_EXPLANATIONS: dict[int, str] = {
    CloseCode.NORMAL_CLOSURE: "OK",
    CloseCode.GOING_AWAY: "going away",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.UNSUPPORTED_DATA: "unsupported data",
    CloseCode.NO_STATUS_RCVD: "no status received [internal]",
    CloseCode.ABNORMAL_CLOSURE: "abnormal closure [internal]",
    CloseCode.INVALID_DATA: "invalid frame payload data",
    CloseCode.POLICY_VIOLATION: "policy violation",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
    CloseCode.MANDATORY_EXTENSION: "mandatory extension",
    CloseCode.INTERNAL_ERROR: "internal error",
    CloseCode.SERVICE_RESTART: "service restart",
    CloseCode.TRY_AGAIN_LATER: "try again later",
    CloseCode.BAD_GATEWAY: "bad gateway",
    CloseCode.TLS_HANDSHAKE: "TLS handshake failure [internal]",
}


def explain(code: int) -> str:
    """Return what a close code means, in a few words."""
    # RFC 6455 7.4.2: 3000 to 3999 are registered, 4000 to 4999 belong to applications.
    if 3000 <= code < 4000:
        return "registered"
    if 4000 <= code < 5000:
        return "private use"
    return CLOSE_CODE_EXPLANATIONS.get(code, "unknown")


class Close:
    """
    What a close frame says (RFC 6455 5.5.1).

    Arguments:
        code: the status code; 1005 if the frame was empty.
        reason: the text behind it.
    """

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Close):
            return NotImplemented
        return (self.code, self.reason) == (other.code, other.reason)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Close(code={self.code!r}, reason={self.reason!r})"

    def __str__(self) -> str:
        text = f"{int(self.code)} ({explain(self.code)})"
        return f"{text} {self.reason}" if self.reason else text
