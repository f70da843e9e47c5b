"""
Messages that are compressed, or said to be, in fragments of any size.

What an honest peer has compressed comes out again or exceeds the limit; what another one sends is
decompressed to at most the limit or refused, by both backends in the same words.
"""

from drawing import BINARY, CONT, TEXT, frame
from endpoints import seen

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.framing import Frame

from . import expect_limit, parts, same

MORE, PLAIN, AGAIN = 1, 2, 4  # not the last fragment, not compressed, RSV1 on every fragment


def check(backends, data):
    options, pieces = parts(data)
    send = hostile if options & 0x80 else honest
    same([send(core, options, pieces) for core in backends])


def agreed(options):
    """Return what was negotiated, as arguments of the extension."""
    no_context_takeover, bits = bool(options & 1), 8 + (options >> 1 & 7)
    return no_context_takeover, no_context_takeover, bits, max(bits, 9)


def receiver(core, options):
    max_size = [None, 0, 10, 1000][options >> 4 & 3]
    no_context_takeover, _, bits, _ = agreed(options)
    inflater = core.deflate.Inflater(bits, not no_context_takeover)
    extensions = core.compression.Compression(None, inflater)
    return core.endpoint.Endpoint(True, max_size=max_size, extensions=extensions)


def honest(core, options, pieces):
    """Send a message, and then once more, when it is in the context."""
    connection = receiver(core, options)
    peer = PerMessageDeflate(*agreed(options))
    fragments = [piece + bytes(bits * 40) for piece, bits in pieces]
    for _ in range(2):
        for index, fragment in enumerate(fragments):
            last = index == len(fragments) - 1
            sent = peer.encode(Frame(last, CONT if index else BINARY, fragment))
            connection.receive(frame(sent.opcode, sent.data, fin=last, rsv=4 if sent.rsv1 else 0))
    message = b"".join(fragments)
    if connection.max_size is None or len(message) <= connection.max_size:
        assert list(connection.inbox) == [message, message]
    else:
        assert not connection.inbox and type(connection.failure) is PayloadTooBig
    return seen(connection)


def hostile(core, options, pieces):
    connection = receiver(core, options)
    opcode = start = TEXT if options & 0x40 else BINARY
    for piece, bits in pieces:
        marked = bits & AGAIN or opcode == start and not bits & PLAIN
        connection.receive(frame(opcode, piece, fin=not bits & MORE, rsv=4 if marked else 0))
        opcode = CONT if bits & MORE else start
    assert isinstance(connection.failure, (ProtocolError, PayloadTooBig, type(None)))
    expect_limit(connection)
    return seen(connection)
