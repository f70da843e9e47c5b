"""
What the tests of one endpoint share: to feed it as its peer, and to see all that it shows.
"""

import tracemalloc
from contextlib import contextmanager

from drawing import KEY, frames


def peer_key(is_client):
    """Return the key that the peer of an endpoint masks with."""
    return b"" if is_client else KEY


def sent(connection):
    """Take the frames in the outbox apart, without their masking keys."""
    found = frames(b"".join(bytes(data) for data in connection.outbox))
    assert all(bool(drawn.key) == connection.is_client for drawn in found)
    return [drawn._replace(key=b"") for drawn in found]


def seen(connection):
    """Return all that an endpoint shows, in a form that can be compared."""
    failure = connection.failure
    return {
        "inbox": list(connection.inbox),
        "sent": sent(connection),
        "pongs": connection.pongs,
        "state": connection.state,
        "close": (connection.close_rcvd, connection.close_sent, connection.close_rcvd_then_sent),
        "failure": failure and (type(failure).__name__, str(failure)),
        "owes_close": connection.owes_close,
        "finished": connection.finished,
    }


def said(connection):
    """Return the code and reason that an endpoint says at its end; 1006 if it says nothing."""
    connection.settle()
    close = connection.close_sent
    return (1006, "") if close is None else (close.code, close.reason)


def heard(connection):
    """Return the code and reason that an endpoint's peer has closed with, 1006 if it hasn't."""
    close = connection.close_rcvd
    return (1006, "") if close is None else (close.code, close.reason)


def feed(connection, pieces):
    for piece in pieces:
        connection.receive(piece)
    return connection


def feed_and_take(connection, pieces):
    """Feed an endpoint whose inbox is read whenever it has something; return the messages."""
    taken = []
    for piece in pieces:
        connection.receive(piece)
        while connection.inbox:
            taken.append(connection.take())
    return taken


class Memory:
    """
    What was allocated inside ``measured``, in bytes: the most at once, and what was kept.

    The garbage collector isn't asked first: what only it could free counts as kept.
    """

    peak = kept = 0


@contextmanager
def measured():
    memory = Memory()
    tracemalloc.start()
    try:
        yield memory
        memory.kept, memory.peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
