"""
What the tests need of a peer: one end of a connection, with the same methods whoever wrote it.

An end only has to notice what arrives while it is asked for something: most of these libraries read
from the socket when the program does, and answer pings and close frames then.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

TIME_LIMIT = 30  # seconds, for what would block a thread or leave a process behind


class Wishes(NamedTuple):
    """What a peer brings to the opening handshake."""

    compression: Optional[str] = None  # None, "deflate" or "no context takeover"
    subprotocols: Sequence[str] = ()
    headers: Mapping[str, str] = {}
    certificates: Any = None  # those of conftest.py, for TLS


class End(ABC):
    """
    A peer's end of an open connection.

    Attributes:
        abilities: what not every peer can do, out of "compression", "no context takeover",
            "pings in compressed messages", "fragments", "closing without a code" and "living
            without subprotocol" where it has offered some.
        echoes_close: whether it answers a close frame with its code and reason, or with 1000.
        headers: those of the opening handshake that came from us; names are in lower case.
        subprotocol: the subprotocol agreed upon, in this peer's opinion, or None.
        compressed: whether permessage-deflate was agreed upon, in this peer's opinion.
    """

    abilities = frozenset()
    echoes_close = True

    headers = {}
    subprotocol = None
    compressed = False

    @abstractmethod
    async def send(self, message):
        """Send a message."""

    async def send_fragments(self, fragments):
        """Send a message in fragments, which come from an asynchronous iterator."""
        first = True
        async for fragment in fragments:
            await self.send_fragment(fragment, first=first, final=False)
            first = False
        await self.send_fragment(fragment[:0], first=False, final=True)

    async def send_fragment(self, fragment, *, first, final):
        """Send a fragment of a message; the ability "fragments"."""
        raise NotImplementedError

    @abstractmethod
    async def recv(self):
        """Return the next message, str or bytes."""

    @abstractmethod
    async def ping(self, payload):
        """Send a ping."""

    @abstractmethod
    async def pong(self):
        """Return the payload of the next pong, which comes before the next message."""

    @abstractmethod
    async def close(self, code, reason):
        """Start the closing handshake; return the code of the answer. No code sends none."""

    @abstractmethod
    async def closed(self):
        """Finish the closing handshake that the other end starts; return its code and reason."""

    @abstractmethod
    async def drop(self):
        """End TCP, whatever the state is; free everything that belongs to this end."""


class Listening(NamedTuple):
    """A peer's server."""

    port: int
    arrival: Callable[[], Awaitable[End]]  # waits for the next connection to it
