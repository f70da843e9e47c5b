"""
Close frames as values, and what their codes mean (RFC 6455 section 7.4).

Owns the table of codes and their names, and the payload of close frames. Must never know
connections. Programs find it in :mod:`websockets.frames`; it is a module of its own because
exceptions carry close frames and the core makes them. Key decision: a code is a
plain number where it comes from a peer, so that one nobody has registered is a value like others;
:class:`CloseCode` gives names to those that are.
"""

from __future__ import annotations

import dataclasses
import enum

from ._errors import ProtocolError

__all__ = [
    "CLOSE_CODE_EXPLANATIONS",
    "EXTERNAL_CLOSE_CODES",
    "OK_CLOSE_CODES",
    "Close",
    "CloseCode",
    "explain",
]


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


# RFC 6455 7.4.1: 1004 is reserved, and 1005, 1006 and 1015 never travel.
EXTERNAL_CLOSE_CODES = {
    CloseCode.NORMAL_CLOSURE,
    CloseCode.GOING_AWAY,
    CloseCode.PROTOCOL_ERROR,
    CloseCode.UNSUPPORTED_DATA,
    CloseCode.INVALID_DATA,
    CloseCode.POLICY_VIOLATION,
    CloseCode.MESSAGE_TOO_BIG,
    CloseCode.MANDATORY_EXTENSION,
    CloseCode.INTERNAL_ERROR,
    CloseCode.SERVICE_RESTART,
    CloseCode.TRY_AGAIN_LATER,
    CloseCode.BAD_GATEWAY,
}

# The peer had no complaint: 1005 is an empty close frame.
OK_CLOSE_CODES = {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD}


@dataclasses.dataclass
class Close:
    """
    What a close frame says (RFC 6455 5.5.1).

    Arguments:
        code: the status code; 1005 if the frame was empty.
        reason: the text behind it.
    """

    __slots__ = ("code", "reason")
    code: int
    reason: str

    def __str__(self) -> str:
        text = f"{int(self.code)} ({explain(self.code)})"
        return f"{text} {self.reason}" if self.reason else text

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> Close:
        """
        Parse the payload of a close frame.

        Returns:
            what it says; the code is 1005 if the payload is empty (RFC 6455 7.1.5).

        Raises:
            ProtocolError: if the payload is 1 byte long or the code can't be used in a frame.
            UnicodeDecodeError: if the reason isn't valid UTF-8.
        """
        if not data:
            return cls(CloseCode.NO_STATUS_RCVD, "")
        # RFC 6455 5.5.1: if there is a body, its first two bytes are the code.
        if len(data) < 2:
            raise ProtocolError("close frame too short")
        close = cls(int.from_bytes(data[:2], "big"), str(data[2:], "utf-8"))
        close.check()
        return close

    def serialize(self) -> bytes:
        """
        Build the payload of a close frame, the reverse of :meth:`parse`.

        Raises:
            ProtocolError: if the code can't be used in a frame.
        """
        self.check()
        return self.code.to_bytes(2, "big") + self.reason.encode()

    def check(self) -> None:
        """
        Check that a close frame may carry the code: registered, or 3000 to 4999 (RFC 6455 7.4.2).

        Raises:
            ProtocolError: if it may not.
        """
        if not (self.code in EXTERNAL_CLOSE_CODES or 3000 <= self.code < 5000):
            raise ProtocolError("invalid status code")


# Where a class is defined is no business of who reads its name in a traceback or a pickle.
CloseCode.__module__ = Close.__module__ = "websockets.frames"
