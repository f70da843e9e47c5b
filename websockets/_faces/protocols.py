"""
What serve() and connect() give to all their connections: a function that makes each one's protocol.

Owns what is checked once for all of them. Must never know what carries their bytes.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, Optional

from .._sansio.client import ClientProtocol
from .._sansio.server import ServerProtocol
from ..extensions.permessage_deflate import (
    enable_client_permessage_deflate,
    enable_server_permessage_deflate,
)
from ..headers import validate_subprotocols

__all__ = ["client_protocols", "server_protocols"]


def offers(subprotocols: Any, compression: Optional[str], extensions: Any, enable: Any) -> Any:
    """Check what is to be negotiated; return the extensions, compression among them."""
    if subprotocols is not None:
        validate_subprotocols(subprotocols)
    if compression == "deflate":
        return enable(extensions)
    if compression is not None:
        raise ValueError(f"unsupported compression: {compression}")
    return extensions


def server_protocols(
    *, subprotocols: Any, compression: Optional[str], extensions: Any, logger: Any, **arguments: Any
) -> Callable[[], ServerProtocol]:
    """
    Return what makes protocols of a server's connections.

    Arguments:
        compression: as ``serve()`` takes it.
        logger: where to log.
        subprotocols, extensions, arguments: those of :class:`ServerProtocol`.

    Raises:
        TypeError, ValueError: if one of the first three isn't valid.
    """
    extensions = offers(subprotocols, compression, extensions, enable_server_permessage_deflate)
    create = functools.partial(
        ServerProtocol,
        subprotocols=subprotocols,
        extensions=extensions,
        logger=logger,
        **arguments,
    )
    copy: Optional[Callable[[], ServerProtocol]] = None

    def make() -> ServerProtocol:
        nonlocal copy
        if copy is not None and not logger.isEnabledFor(logging.DEBUG):
            return copy()
        protocol = create()
        if copy is None and not protocol.debug:
            copy = protocol._copier()
            return copy()
        return protocol

    return make


def client_protocols(
    *, subprotocols: Any, compression: Optional[str], extensions: Any, **arguments: Any
) -> Callable[[Any], ClientProtocol]:
    """Return what makes protocols of a client's connections, of a URI; otherwise the same."""
    extensions = offers(subprotocols, compression, extensions, enable_client_permessage_deflate)
    return functools.partial(
        ClientProtocol, subprotocols=subprotocols, extensions=extensions, **arguments
    )
