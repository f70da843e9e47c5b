"""
The bytes of an HTTP head, in any cut.

Both backends have to read the same from it or refuse it in the same words, the cuts make no
difference, and nothing that is read can smuggle in more than it seems to be.
"""

from websockets.exceptions import SecurityError

from . import parts, same

# A control character, which no head may hold, stands for as many letters as reach the limits soon.
MANY = b"\x01", b"a" * 2000


def check(backends, data):
    options, pieces = parts(data)
    pieces = [piece.replace(*MANY) for piece, _ in pieces]
    response = bool(options & 1)
    whole = [b"".join(pieces)]
    same([read(core, cut, response) for core in backends for cut in (pieces, whole)])


def read(core, pieces, response):
    """Return what a head says, whether complete or not, or how it was refused."""
    head = core.heads.HeadReader(response)
    complete = False
    rest = b""
    for piece in pieces:
        if complete:
            rest += piece
            continue
        try:
            complete = head.feed(piece)
        except (ValueError, SecurityError) as exc:
            return type(exc).__name__, exc.status, str(exc)
    fields = list(head.headers.raw_items())
    for text in [head.reason, *(text for field in fields for text in field)]:
        assert all(character in "\t\x80" or " " <= character != "\x7f" for character in text)
    assert " " not in head.path
    return complete, complete and (head.path, head.status, head.reason, fields, head.rest + rest)
