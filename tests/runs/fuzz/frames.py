"""
The bytes of an open connection, in any cut, while the program does something now and then.

Both backends have to show the same, whatever the peer sends is answered by one of our exceptions,
no message and no inbox exceeds its limit, and the cuts make no difference.
"""

from drawing import BINARY, PING, TEXT
from endpoints import seen

from websockets.exceptions import WebSocketException
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.framing import ExtensionChain

from . import expect_limit, parts, same

ACTIONS = [
    None,
    lambda connection: connection.take() if connection.inbox else None,
    lambda connection: [connection.take() for _ in range(len(connection.inbox))],
    lambda connection: setattr(connection, "holds", connection.holds | 2),
    lambda connection: connection.release(),
    lambda connection: connection.send_frame(TEXT, b"Hello") or connection.send_frame(PING, b""),
    lambda connection: connection.settle(),
    lambda connection: connection.close(1001, "bye") or connection.send_frame(BINARY, b""),
]


def check(backends, data):
    options, pieces = parts(data)
    story = same([tell(core, options, pieces) for core in backends])
    if not any(action for _, action in pieces):
        whole = b"".join(piece for piece, _ in pieces)
        for core in backends:
            assert tell(core, options, [(whole, 0)])[-2:] == story[-2:]


def tell(core, options, pieces):
    """Return all that an endpoint shows, after each piece, and after the connection was lost."""
    max_queue = [None, 1, 2, 3][options >> 4 & 3]
    connection = core.endpoint.Endpoint(
        is_client=bool(options & 1),
        max_size=[None, 0, 5, 150][options >> 6],
        max_queue=max_queue,
        max_fragments=[None, 2][options >> 3 & 1],
        extensions=deflate() if options & 2 else None,
    )
    shown = []
    for piece, action in pieces:
        connection.receive(piece)
        result = None
        if action:
            try:
                result = ACTIONS[action](connection)
            except WebSocketException as exc:
                result = type(exc), str(exc)
        shown.append((result, seen(connection)))
        assert max_queue is None or len(connection.inbox) <= max_queue
    connection.lost()
    shown.append((None, seen(connection)))
    assert isinstance(connection.failure, (type(None), WebSocketException, UnicodeDecodeError))
    expect_limit(connection)
    return shown


def deflate():
    return ExtensionChain([PerMessageDeflate(False, False, 15, 15)])
