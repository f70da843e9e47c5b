"""
What tells how a connection has ended, in today's API, whatever drives it.

Owns the choice of the exception. Must never know how a connection ends. Key decision: it is made of
the endpoint's facts each time, so that none is kept with a traceback.
"""

from __future__ import annotations

from typing import Any

from .._closes import OK_CLOSE_CODES
from ..exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK

__all__ = ["closed_exc"]


def closed_exc(endpoint: Any) -> ConnectionClosed:
    """Return the exception that tells how a connection ended, of its endpoint or None."""
    if endpoint is None:
        return ConnectionClosedError(None, None)
    rcvd, sent = endpoint.close_rcvd, endpoint.close_sent
    ok = rcvd is not None and sent is not None
    ok = ok and rcvd.code in OK_CLOSE_CODES and sent.code in OK_CLOSE_CODES
    cls = ConnectionClosedOK if ok else ConnectionClosedError
    exc = cls(rcvd, sent, endpoint.close_rcvd_then_sent)
    exc.__cause__ = endpoint.failure
    return exc
