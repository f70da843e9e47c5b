"""
Whom a client trusts if its program doesn't say: the default TLS context.

Owns that context, and when it is too old. Must never know a connection. Key decisions: making one
takes ten milliseconds and most of a megabyte, because it reads the system's certificates, so one is
kept for all connections of the process. It is made anew when what it was made from has changed: the
environment variables that OpenSSL and Python read, and the file and the directory of the
certificates. Who asks for the context of a connection gets another one, :func:`own_context`: a
program may change what it is given, but not what others trust. Threads that come at the same time
may each make one, and the last is kept: no lock can be left shut by a fork.
"""

from __future__ import annotations

import os
from typing import Any

try:
    import ssl
except ImportError:  # pragma: no cover
    ssl = None  # type: ignore[assignment]

__all__ = ["own_context", "shared_context"]

_kept: tuple[Any, Any] = (None, None)  # what the context was made from, and the context


def shared_context() -> Any:
    """Return the context that all connections share; its owner is this module."""
    global _kept
    origin, context = _kept
    now = _origin()
    if context is None or origin != now:
        context = own_context()
        _kept = (now, context)
    return context


def own_context() -> Any:
    """Return a new context like the one that is shared."""
    return ssl.create_default_context()


def _origin() -> Any:
    """Tell what a context would be made from now."""
    paths = _default_paths()
    environment = [os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
    return (
        # Packages that bring other certificates put their own in the place of these.
        ssl.create_default_context,
        ssl.SSLContext,
        os.environ.get("SSLKEYLOGFILE"),
        environment,
        [_state_of(given or default) for given, default in zip(environment, paths)],
    )


_paths: Any = None


def _default_paths() -> Any:
    global _paths
    if _paths is None:
        paths = ssl.get_default_verify_paths()
        _paths = (paths.openssl_cafile, paths.openssl_capath)
    return _paths


def _state_of(path: str) -> Any:
    """Return what changes whenever a file or a directory does."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns
