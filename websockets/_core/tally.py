"""
What all connections of a process have done so far, the servers' and the clients' apart.

Owns the numbers that are counted whoever asks for them or not. Must never know who does. Key
decision: they are sums of a process, kept where messages and bytes go by anyway; so a connection
has no numbers of its own, nothing has to be added up, and to count costs an addition.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CLIENTS", "SERVERS", "Tally"]


class Tally:
    """
    What the connections of one side have done.

    Attributes:
        messages_received, messages_sent: whole messages, that is not their fragments.
        bytes_received, bytes_sent: of frames, with their headers and as they are compressed;
            neither the opening handshake nor TLS.
        opened: connections that were opened.
        keepalive_timeouts: connections that were given up because no pong came.
        answers: how many opening handshakes ended with each HTTP status; see :meth:`answer`.
        ends: how many connections ended with each code of the first close frame; the number is
            negative if that was ours, 1006 if there was none.
    """

    def __init__(self) -> None:
        self.messages_received = 0
        self.messages_sent = 0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.opened = 0
        self.keepalive_timeouts = 0
        self.answers: dict[Any, int] = {}
        self.ends: dict[int, int] = {}

    def answer(self, status: Any) -> None:
        """Count an opening handshake that ended with an HTTP status, or a word if with none."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def end(self, code: int) -> None:
        """Count a connection that has ended."""
        self.ends[code] = self.ends.get(code, 0) + 1


SERVERS = Tally()
CLIENTS = Tally()
