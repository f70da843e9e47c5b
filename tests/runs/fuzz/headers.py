"""
The values of the headers that the opening handshake reads.

Only the documented exceptions come out, what is read can be written and read again, and the
negotiation of compression takes or declines whatever was read.
"""

from websockets import headers
from websockets.exceptions import InvalidHeaderFormat, InvalidHeaderValue, NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

CLIENT = ClientPerMessageDeflateFactory(client_max_window_bits=True)
SERVER = ServerPerMessageDeflateFactory()


def check(backends, data):
    kind = data[0] % 5 if data else 0
    value = data[1:].decode("ascii", "surrogateescape")
    try:
        [connection, upgrade, extension, subprotocol, authorization][kind](value)
    except (InvalidHeaderFormat, InvalidHeaderValue) as exc:
        str(exc).encode()


def connection(value):
    options = headers.parse_connection(value)
    assert headers.parse_connection(", ".join(options)) == options


def upgrade(value):
    protocols = headers.parse_upgrade(value)
    assert headers.parse_upgrade(", ".join(protocols)) == protocols


def subprotocol(value):
    names = headers.parse_subprotocol(value)
    assert headers.parse_subprotocol(headers.build_subprotocol(names)) == names


def authorization(value):
    username, password = headers.parse_authorization_basic(value)
    written = headers.build_authorization_basic(username, password)
    assert headers.parse_authorization_basic(written) == (username, password)


def extension(value):
    extensions = headers.parse_extension(value)
    assert headers.parse_extension(headers.build_extension(extensions)) == extensions
    for _, parameters in extensions:
        try:
            answer, one = SERVER.process_request_params(parameters, [])
            other = CLIENT.process_response_params(answer, [])
        except NegotiationError:
            continue
        assert one.remote_max_window_bits >= other.local_max_window_bits
        assert other.remote_max_window_bits >= one.local_max_window_bits
