"""
The body of close frames: status code and reason (RFC 6455 sections 5.5.1 and 7.4).

Owns which codes there are, and which one tells what went wrong. Must never know when a close frame
is due. Key decision: the same table tells which codes we accept and which we send, so that we never
send what we would refuse.
"""

from __future__ import annotations

from websockets.exceptions import PayloadTooBig, ProtocolError, TooManyFragments

from .messages import InvalidText

__all__ = ["code_for", "is_valid_code", "parse_close", "serialize_close"]

# RFC 6455 7.4.1 and IANA's registry: 1004 is reserved; 1005, 1006 and 1015 never travel.
REGISTERED = frozenset([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014])


def is_valid_code(code: int) -> bool:
    """Tell whether a close frame may carry a code: registered, or 3000-4999 (RFC 6455 7.4.2)."""
    return code in REGISTERED or 3000 <= code < 5000


def parse_close(data: bytes) -> tuple[int, str]:
    """
    Parse the payload of a close frame.

    Returns:
        ``(code, reason)``; the code is 1005 if the payload is empty (RFC 6455 7.1.5).

    Raises:
        ProtocolError: if the payload is 1 byte long or the code can't be used in a frame.
        UnicodeDecodeError: if the reason isn't valid UTF-8.
    """
    if not data:
        return 1005, ""
    if len(data) == 1:
        raise ProtocolError("close frame too short")
    code = int.from_bytes(data[:2], "big")
    if not is_valid_code(code):
        raise ProtocolError("invalid status code")
    return code, str(data[2:], "utf-8")


def serialize_close(code: int, reason: str) -> bytes:
    """
    Build the payload of a close frame, the reverse of :func:`parse_close`.

    Raises:
        ProtocolError: if the code can't be used in a frame, or the reason takes more than 123
            bytes in UTF-8 (RFC 6455 5.5: a control frame carries 125 at most).
        TypeError: if the code isn't an int, or the reason isn't a str.
    """
    if not isinstance(code, int):
        raise TypeError(f"close code must be an int such as 1000, not {code!r}")
    if not isinstance(reason, str):
        raise TypeError(f"close reason must be a str, not {reason!r}")
    if not is_valid_code(code):
        raise ProtocolError("invalid status code")
    body = str.encode(reason)
    if len(body) > 123:
        raise ProtocolError("control frame too long")
    return code.to_bytes(2, "big") + body


def code_for(exc: Exception) -> tuple[int, str]:
    """Return the code and the reason for what went wrong with a frame (RFC 6455 7.4.1)."""
    if isinstance(exc, InvalidText):
        return 1007, str(exc)
    if isinstance(exc, ProtocolError):
        return 1002, str(exc)
    if isinstance(exc, PayloadTooBig):
        return 1009, str(exc)
    if isinstance(exc, UnicodeDecodeError):
        return 1007, f"{exc.reason} at position {exc.start}"
    if isinstance(exc, TooManyFragments):
        return 1009, "too many fragments"
    # An extension that somebody else wrote went wrong.
    return 1011, ""
