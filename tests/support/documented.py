"""
The documented interface as tables: what is called and how, other names, and the exceptions.
"""

import re

import websockets.exceptions

# What is called: "await" stands before what gives an awaitable, "class" before what is one, and
# "classmethod" before what needs no instance.
CALLABLES = [
    "await server.serve(ws_handler, host=None, port=None, *, create_protocol=None, "
    "ping_interval=20, ping_timeout=20, close_timeout=10, max_size=2 ** 20, max_queue=2 ** 5, "
    "read_limit=2 ** 16, write_limit=2 ** 16, loop=None, compression='deflate', origins=None, "
    "extensions=None, subprotocols=None, extra_headers=None, process_request=None, "
    "select_subprotocol=None, **kwds)",
    "await server.unix_serve(ws_handler, path, **kwargs)",
    "class server.WebSocketServer(loop)",
    "server.WebSocketServer.close()",
    "await server.WebSocketServer.wait_closed()",
    "class server.WebSocketServerProtocol(ws_handler, ws_server, *, origins=None, "
    "extensions=None, subprotocols=None, extra_headers=None, process_request=None, "
    "select_subprotocol=None, **kwargs)",
    "await server.WebSocketServerProtocol.handshake(origins=None, available_extensions=None, "
    "available_subprotocols=None, extra_headers=None)",
    "await server.WebSocketServerProtocol.process_request(path, request_headers)",
    "server.WebSocketServerProtocol.select_subprotocol(client_subprotocols, server_subprotocols)",
    "await client.connect(uri, *, create_protocol=None, ping_interval=20, ping_timeout=20, "
    "close_timeout=10, max_size=2 ** 20, max_queue=2 ** 5, read_limit=2 ** 16, "
    "write_limit=2 ** 16, loop=None, compression='deflate', origin=None, extensions=None, "
    "subprotocols=None, extra_headers=None, **kwds)",
    "await client.unix_connect(path, uri='ws://localhost/', **kwargs)",
    "class client.WebSocketClientProtocol(*, origin=None, extensions=None, subprotocols=None, "
    "extra_headers=None, **kwargs)",
    "await client.WebSocketClientProtocol.handshake(wsuri, origin=None, "
    "available_extensions=None, available_subprotocols=None, extra_headers=None)",
    "class protocol.WebSocketCommonProtocol(*, ping_interval=20, ping_timeout=20, "
    "close_timeout=None, max_size=1048576, max_queue=32, read_limit=65536, write_limit=65536, "
    "loop=None, host=None, port=None, secure=None, legacy_recv=False, timeout=None)",
    "await protocol.WebSocketCommonProtocol.close(code=1000, reason='')",
    "await protocol.WebSocketCommonProtocol.wait_closed()",
    "await protocol.WebSocketCommonProtocol.recv()",
    "await protocol.WebSocketCommonProtocol.send(message)",
    "await protocol.WebSocketCommonProtocol.ping(data=None)",
    "await protocol.WebSocketCommonProtocol.pong(data=b'')",
    "class extensions.permessage_deflate.ServerPerMessageDeflateFactory("
    "server_no_context_takeover=False, client_no_context_takeover=False, "
    "server_max_window_bits=None, client_max_window_bits=None, compress_settings=None)",
    "class extensions.permessage_deflate.ClientPerMessageDeflateFactory("
    "server_no_context_takeover=False, client_no_context_takeover=False, "
    "server_max_window_bits=None, client_max_window_bits=None, compress_settings=None)",
    "auth.basic_auth_protocol_factory(realm, credentials=None, check_credentials=None, "
    "create_protocol=BasicAuthWebSocketServerProtocol)",
    "class auth.BasicAuthWebSocketServerProtocol(*args, realm, check_credentials, **kwargs)",
    "await auth.BasicAuthWebSocketServerProtocol.process_request(path, request_headers)",
    "class exceptions.ConnectionClosed(code, reason)",
    "class exceptions.ConnectionClosedError(code, reason)",
    "class exceptions.ConnectionClosedOK(code, reason)",
    "class exceptions.InvalidHeader(name, value=None)",
    "class exceptions.InvalidHeaderFormat(name, error, header, pos)",
    "class exceptions.InvalidHeaderValue(name, value=None)",
    "class exceptions.InvalidOrigin(origin)",
    "class exceptions.InvalidUpgrade(name, value=None)",
    "class exceptions.InvalidStatusCode(status_code)",
    "class exceptions.DuplicateParameter(name)",
    "class exceptions.InvalidParameterName(name)",
    "class exceptions.InvalidParameterValue(name, value)",
    "class exceptions.AbortHandshake(status, headers, body=b'')",
    "class exceptions.RedirectHandshake(uri)",
    "class exceptions.InvalidURI(uri)",
    "handshake.build_request(headers)",
    "handshake.check_request(headers)",
    "handshake.build_response(headers, key)",
    "handshake.check_response(headers, key)",
    "framing.Frame.check()",
    "classmethod await framing.Frame.read(reader, *, mask, max_size=None, extensions=None)",
    "framing.Frame.write(writer, *, mask, extensions=None)",
    "framing.prepare_data(data)",
    "framing.encode_data(data)",
    "framing.parse_close(data)",
    "framing.serialize_close(code, reason)",
    "uri.parse_uri(uri)",
    "headers.parse_connection(header)",
    "headers.parse_upgrade(header)",
    "headers.parse_extension(header)",
    "headers.build_extension(extensions)",
    "headers.parse_subprotocol(header)",
    "headers.build_subprotocol(protocols)",
    "headers.build_www_authenticate_basic(realm)",
    "headers.parse_authorization_basic(header)",
    "headers.build_authorization_basic(username, password)",
    "await http.read_request(stream)",
    "await http.read_response(stream)",
    "class http.Headers(*args, **kwargs)",
    "http.Headers.clear()",
    "http.Headers.get_all(key)",
    "http.Headers.raw_items()",
]

# Names that aren't called, with their kind.
ATTRIBUTES = {
    "server.WebSocketServer.sockets": property,
    "protocol.WebSocketCommonProtocol.local_address": property,
    "protocol.WebSocketCommonProtocol.remote_address": property,
    "protocol.WebSocketCommonProtocol.open": property,
    "protocol.WebSocketCommonProtocol.closed": property,
    "typing.Data": object,
    "exceptions.WebSocketProtocolError": type,
    "framing.Frame": type,
    "uri.WebSocketURI": type,
    "http.MultipleValuesError": type,
}

TREE = """
    WebSocketException
        ConnectionClosed
            ConnectionClosedError
            ConnectionClosedOK
        InvalidHandshake
            SecurityError
            InvalidMessage
            InvalidHeader
                InvalidHeaderFormat
                InvalidHeaderValue
                InvalidOrigin
                InvalidUpgrade
            InvalidStatusCode
            NegotiationError
                DuplicateParameter
                InvalidParameterName
                InvalidParameterValue
            AbortHandshake
            RedirectHandshake
        InvalidState
        InvalidURI
        PayloadTooBig
        ProtocolError
"""

LINE = re.compile(
    r"(?P<static>classmethod )?(?P<awaited>await )?(?P<cls>class )?(?P<name>[\w.]+)\((?P<args>.*)\)"
)
DOCUMENTED = {match["name"]: match for match in map(LINE.fullmatch, CALLABLES)}


def tree():
    """Yield each exception of the tree with its parent."""
    above = []
    for line in TREE.strip("\n").splitlines():
        depth = (len(line) - len(line.lstrip())) // 4 - 1
        exception = getattr(websockets.exceptions, line.strip())
        del above[depth:]
        yield exception, above[-1] if above else Exception
        above.append(exception)
