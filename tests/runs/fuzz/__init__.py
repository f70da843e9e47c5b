"""
What a fuzzer feeds the library: one module for each way by which bytes of a peer get in.

The function ``check(backends, data)`` of each takes any bytes, makes of them what a peer may send,
and asserts what has to be true of that on every backend. ``make fuzz`` looks for bytes that make it
fail. What earlier runs found worth keeping is in tests/corpus/, and the suite feeds it again.
"""


def parts(data):
    """
    Take an input apart: return a byte of options, and the rest as pairs of a piece and 3 bits.

    The options come first, then the number of cuts, a byte for each cut (5 bits: the length of the
    piece that ends there; 3 bits: what is done with it), then the pieces.
    """
    options, count = data[:2].ljust(2, b"\0")
    cuts, rest = data[2 : 2 + count % 16], data[2 + count % 16 :]
    pieces = []
    for cut in cuts:
        pieces.append((rest[: cut & 31], cut >> 5))
        rest = rest[cut & 31 :]
    return options, [*pieces, (rest, 0)]


def same(results):
    """Return the result that all backends came to."""
    first, *others = results
    for other in others:
        assert other == first
    return first


def expect_limit(connection):
    """Assert that no message in the inbox is larger than the limit."""
    for message in connection.inbox if connection.max_size is not None else ():
        assert len(message if type(message) is bytes else message.encode()) <= connection.max_size
