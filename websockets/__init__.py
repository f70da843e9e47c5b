"""
WebSockets (RFC 6455) with compression (RFC 7692) for asyncio.

All documented names can be imported from here, but for those of ``websockets.headers`` and
``websockets.http``. ``backend`` tells whether the core is "compiled" or "pure".
"""

from . import headers, http, legacy
from ._core import backend
from .auth import (
    BasicAuthWebSocketServerProtocol,
    basic_auth_protocol_factory,
)
from .client import (
    WebSocketClientProtocol,
    connect,
    unix_connect,
)
from .exceptions import (
    AbortHandshake,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    DuplicateParameter,
    InvalidHandshake,
    InvalidHeader,
    InvalidHeaderFormat,
    InvalidHeaderValue,
    InvalidMessage,
    InvalidOrigin,
    InvalidParameterName,
    InvalidParameterValue,
    InvalidState,
    InvalidStatusCode,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    PayloadTooBig,
    ProtocolError,
    RedirectHandshake,
    SecurityError,
    WebSocketException,
    WebSocketProtocolError,
)
from .extensions import (
    ClientExtensionFactory,
    Extension,
    ServerExtensionFactory,
)
from .extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from .framing import (
    Frame,
    encode_data,
    parse_close,
    prepare_data,
    serialize_close,
)
from .handshake import (
    build_request,
    build_response,
    check_request,
    check_response,
)
from .protocol import (
    State,
    WebSocketCommonProtocol,
    broadcast,
)
from .server import (
    WebSocketServer,
    WebSocketServerProtocol,
    serve,
    unix_serve,
)
from .typing import (
    Data,
    ExtensionHeader,
    ExtensionParameter,
    Origin,
    Subprotocol,
)
from .uri import (
    WebSocketURI,
    parse_uri,
)
from .version import version as __version__

__all__ = [
    "__version__",
    "backend",
    "headers",
    "http",
    "legacy",
    "AbortHandshake",
    "BasicAuthWebSocketServerProtocol",
    "ClientExtensionFactory",
    "ClientPerMessageDeflateFactory",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "Data",
    "DuplicateParameter",
    "Extension",
    "ExtensionHeader",
    "ExtensionParameter",
    "Frame",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidOrigin",
    "InvalidParameterName",
    "InvalidParameterValue",
    "InvalidState",
    "InvalidStatusCode",
    "InvalidURI",
    "InvalidUpgrade",
    "NegotiationError",
    "Origin",
    "PayloadTooBig",
    "PerMessageDeflate",
    "ProtocolError",
    "RedirectHandshake",
    "SecurityError",
    "ServerExtensionFactory",
    "ServerPerMessageDeflateFactory",
    "State",
    "Subprotocol",
    "WebSocketClientProtocol",
    "WebSocketCommonProtocol",
    "WebSocketException",
    "WebSocketProtocolError",
    "WebSocketServer",
    "WebSocketServerProtocol",
    "WebSocketURI",
    "basic_auth_protocol_factory",
    "broadcast",
    "build_request",
    "build_response",
    "check_request",
    "check_response",
    "connect",
    "encode_data",
    "parse_close",
    "parse_uri",
    "prepare_data",
    "serialize_close",
    "serve",
    "unix_connect",
    "unix_serve",
]
