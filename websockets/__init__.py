"""
WebSockets (RFC 6455) with compression (RFC 7692) for asyncio, trio and threads.

The documented names of both generations of the API can be imported from here; where one means two
things, it is the older generation's, whose today's counterpart is in :mod:`websockets.asyncio`.
``backend`` tells whether the core is "compiled" or "pure".

Owns the table of names. Key decision: a module is imported when the first of its names is asked
for, so that who wants an exception doesn't wait for an event loop.
"""

from __future__ import annotations

import importlib

from .version import version as __version__

# What type checkers see; they take any variable of this name for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from . import asyncio as asyncio
    from . import connection as connection
    from . import headers as headers
    from . import http as http
    from . import legacy as legacy
    from . import proxy as proxy
    from . import streams as streams
    from . import sync as sync
    from . import topics as topics
    from . import trio as trio
    from . import utils as utils
    from . import version as version
    from ._core import backend as backend
    from .asyncio.client import ClientConnection as ClientConnection
    from .asyncio.router import Router as Router
    from .asyncio.router import route as route
    from .asyncio.router import unix_route as unix_route
    from .asyncio.server import Server as Server
    from .asyncio.server import ServerConnection as ServerConnection
    from .asyncio.server import basic_auth as basic_auth
    from .auth import BasicAuthWebSocketServerProtocol as BasicAuthWebSocketServerProtocol
    from .auth import basic_auth_protocol_factory as basic_auth_protocol_factory
    from .client import ClientProtocol as ClientProtocol
    from .client import WebSocketClientProtocol as WebSocketClientProtocol
    from .client import connect as connect
    from .client import unix_connect as unix_connect
    from .datastructures import Headers as Headers
    from .datastructures import HeadersLike as HeadersLike
    from .datastructures import MultipleValuesError as MultipleValuesError
    from .exceptions import AbortHandshake as AbortHandshake
    from .exceptions import ConcurrencyError as ConcurrencyError
    from .exceptions import ConnectionClosed as ConnectionClosed
    from .exceptions import ConnectionClosedError as ConnectionClosedError
    from .exceptions import ConnectionClosedOK as ConnectionClosedOK
    from .exceptions import DuplicateParameter as DuplicateParameter
    from .exceptions import HeaderLineTooLong as HeaderLineTooLong
    from .exceptions import InvalidHandshake as InvalidHandshake
    from .exceptions import InvalidHeader as InvalidHeader
    from .exceptions import InvalidHeaderFormat as InvalidHeaderFormat
    from .exceptions import InvalidHeaderValue as InvalidHeaderValue
    from .exceptions import InvalidMessage as InvalidMessage
    from .exceptions import InvalidMethod as InvalidMethod
    from .exceptions import InvalidOrigin as InvalidOrigin
    from .exceptions import InvalidParameterName as InvalidParameterName
    from .exceptions import InvalidParameterValue as InvalidParameterValue
    from .exceptions import InvalidProtocol as InvalidProtocol
    from .exceptions import InvalidProxy as InvalidProxy
    from .exceptions import InvalidProxyMessage as InvalidProxyMessage
    from .exceptions import InvalidProxyStatus as InvalidProxyStatus
    from .exceptions import InvalidState as InvalidState
    from .exceptions import InvalidStatus as InvalidStatus
    from .exceptions import InvalidStatusCode as InvalidStatusCode
    from .exceptions import InvalidUpgrade as InvalidUpgrade
    from .exceptions import InvalidURI as InvalidURI
    from .exceptions import NegotiationError as NegotiationError
    from .exceptions import PayloadTooBig as PayloadTooBig
    from .exceptions import ProtocolError as ProtocolError
    from .exceptions import ProxyError as ProxyError
    from .exceptions import RedirectHandshake as RedirectHandshake
    from .exceptions import RequestLineTooLong as RequestLineTooLong
    from .exceptions import SecurityError as SecurityError
    from .exceptions import StatusLineTooLong as StatusLineTooLong
    from .exceptions import TooManyFragments as TooManyFragments
    from .exceptions import TooManyHeaders as TooManyHeaders
    from .exceptions import WebSocketException as WebSocketException
    from .exceptions import WebSocketProtocolError as WebSocketProtocolError
    from .extensions import ClientExtensionFactory as ClientExtensionFactory
    from .extensions import Extension as Extension
    from .extensions import ServerExtensionFactory as ServerExtensionFactory
    from .extensions.permessage_deflate import (
        ClientPerMessageDeflateFactory as ClientPerMessageDeflateFactory,
    )
    from .extensions.permessage_deflate import PerMessageDeflate as PerMessageDeflate
    from .extensions.permessage_deflate import (
        ServerPerMessageDeflateFactory as ServerPerMessageDeflateFactory,
    )
    from .frames import Close as Close
    from .frames import CloseCode as CloseCode
    from .frames import Opcode as Opcode
    from .framing import Frame as Frame
    from .framing import encode_data as encode_data
    from .framing import parse_close as parse_close
    from .framing import prepare_data as prepare_data
    from .framing import serialize_close as serialize_close
    from .handshake import build_request as build_request
    from .handshake import build_response as build_response
    from .handshake import check_request as check_request
    from .handshake import check_response as check_response
    from .http11 import Request as Request
    from .http11 import Response as Response
    from .protocol import Protocol as Protocol
    from .protocol import Side as Side
    from .protocol import State as State
    from .protocol import WebSocketCommonProtocol as WebSocketCommonProtocol
    from .protocol import broadcast as broadcast
    from .server import ServerProtocol as ServerProtocol
    from .server import WebSocketServer as WebSocketServer
    from .server import WebSocketServerProtocol as WebSocketServerProtocol
    from .server import serve as serve
    from .server import unix_serve as unix_serve
    from .typing import Data as Data
    from .typing import ExtensionHeader as ExtensionHeader
    from .typing import ExtensionName as ExtensionName
    from .typing import ExtensionParameter as ExtensionParameter
    from .typing import LoggerLike as LoggerLike
    from .typing import Origin as Origin
    from .typing import StatusLike as StatusLike
    from .typing import Subprotocol as Subprotocol
    from .uri import WebSocketURI as WebSocketURI
    from .uri import parse_uri as parse_uri

# The same for those who run this. What is empty here is a module itself.
NAMES = {
    "_core": "backend",
    "asgi": "",
    "asyncio": "",
    "asyncio.client": "ClientConnection",
    "asyncio.router": "Router route unix_route",
    "asyncio.server": "Server ServerConnection basic_auth",
    "auth": "BasicAuthWebSocketServerProtocol basic_auth_protocol_factory",
    "client": "ClientProtocol WebSocketClientProtocol connect unix_connect",
    "connection": "",
    "datastructures": "Headers HeadersLike MultipleValuesError",
    "exceptions": """
        AbortHandshake ConcurrencyError ConnectionClosed ConnectionClosedError ConnectionClosedOK
        DuplicateParameter HeaderLineTooLong InvalidHandshake InvalidHeader InvalidHeaderFormat
        InvalidHeaderValue InvalidMessage InvalidMethod InvalidOrigin InvalidParameterName
        InvalidParameterValue InvalidProtocol InvalidProxy InvalidProxyMessage InvalidProxyStatus
        InvalidState InvalidStatus InvalidStatusCode InvalidURI InvalidUpgrade NegotiationError
        PayloadTooBig ProtocolError ProxyError RedirectHandshake RequestLineTooLong SecurityError
        StatusLineTooLong TooManyFragments TooManyHeaders WebSocketException WebSocketProtocolError
    """,
    "extensions": "ClientExtensionFactory Extension ServerExtensionFactory",
    "extensions.permessage_deflate": """
        ClientPerMessageDeflateFactory PerMessageDeflate ServerPerMessageDeflateFactory
    """,
    "frames": "Close CloseCode Opcode",
    "framing": "Frame encode_data parse_close prepare_data serialize_close",
    "handshake": "build_request build_response check_request check_response",
    "headers": "",
    "http": "",
    "http11": "Request Response",
    "legacy": "",
    "protocol": "Protocol Side State WebSocketCommonProtocol broadcast",
    "proxy": "",
    "server": "ServerProtocol WebSocketServer WebSocketServerProtocol serve unix_serve",
    "streams": "",
    "sync": "",
    "topics": "",
    "trio": "",
    "typing": """
        Data ExtensionHeader ExtensionName ExtensionParameter LoggerLike Origin StatusLike
        Subprotocol
    """,
    "uri": "WebSocketURI parse_uri",
    "utils": "",
    "version": "",
}
MODULES = {name for module in NAMES for name in [module.partition(".")[0]] if name[0] != "_"}
HOMES = {name: module for module, names in NAMES.items() for name in names.split()}

__all__ = ["__version__", "headers", "http", "legacy", *sorted(HOMES)]


def __getattr__(name: str) -> Any:
    home = HOMES.get(name)
    if home is not None:
        value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    elif name in MODULES:
        try:
            value = importlib.import_module(f"{__name__}.{name}")
        except ImportError as exc:
            # It needs a package that isn't there; who looks at all names must not fail.
            raise AttributeError(str(exc)) from exc
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES, *MODULES})
