"""
What the library does in this process, in numbers: for monitoring.

Owns the names of these numbers, and what each of them means. Must never know a system that collects
them: the adapters beside this do, and are imported only by who wants one. Key decision: whatever is
counted is counted anyway, as sums of the process, so that there is nothing to switch on and asking
costs only who asks.
"""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import Any, Callable, NamedTuple, Union

from .._closes import CloseCode
from .._core import CLIENTS, SERVERS

__all__ = ["METRICS", "Metric", "snapshot"]

Values = dict[tuple[str, ...], Union[int, float]]

STATUSES = {status.value for status in HTTPStatus}
WORDS = ("invalid", "lost")


class Metric(NamedTuple):
    """
    One of the numbers, or one for each combination of labels.

    Attributes:
        name: its key in what :func:`snapshot` returns.
        kind: "counter", which only grows, or "gauge".
        unit: "bytes", "seconds", or what is counted.
        labels: names of the labels, outermost first.
        description: what it means.
        read: returns the values by labels; any thread may call it.
    """

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    description: str
    read: Callable[[], Values]


def snapshot() -> dict[str, Any]:
    """
    Return all numbers at this moment, since the process began.

    Returns:
        a dict of the names in :data:`METRICS`. Numbers with labels are in dicts by the value of
        each label, as in ``snapshot()["messages_received"]["server"]`` or
        ``snapshot()["connections_closed"]["server"]["peer"]["1001"]``; values that haven't occurred
        may be missing. It can be made JSON of.
    """
    found: dict[str, Any] = {}
    for metric in METRICS:
        values = metric.read()
        if not metric.labels:
            found[metric.name] = values[()]
            continue
        found[metric.name] = {}
        for labels, value in values.items():
            inner = found[metric.name]
            for label in labels[:-1]:
                inner = inner.setdefault(label, {})
            inner[labels[-1]] = value
    return found


# Connections


def by_side(name: str) -> Callable[[], Values]:
    """Return what reads a number of both sides."""
    return lambda: {("server",): getattr(SERVERS, name), ("client",): getattr(CLIENTS, name)}


def sides() -> tuple[tuple[str, Any], tuple[str, Any]]:
    """Return both sides, with their names."""
    return ("server", SERVERS), ("client", CLIENTS)


def open_now() -> Values:
    """Return how many connections are open."""
    # Ends first: another thread may open one in between.
    ended = {side: sum(dict(tally.ends).values()) for side, tally in sides()}
    return {(side,): tally.opened - ended[side] for side, tally in sides()}


def closed() -> Values:
    """Return how many connections have ended, by side, who closed, and the code."""
    values: Values = {}
    for side, tally in sides():
        for code, count in dict(tally.ends).items():
            by = "nobody" if code == 1006 else "peer" if code > 0 else "local"
            key = (side, by, class_of(abs(code)))
            values[key] = values.get(key, 0) + count
    return values


def class_of(code: int) -> str:
    """Return a close code, or the range that it is in, as peers can send any."""
    if code in CODES:
        return str(code)
    return "3xxx" if 3000 <= code < 4000 else "4xxx" if 4000 <= code < 5000 else "other"


CODES = {int(code) for code in CloseCode}


def accepted() -> Values:
    """Return how many opening handshakes led to a connection."""
    return {(side,): tally.answers.get(101, 0) for side, tally in sides()}


def refused() -> Values:
    """Return how many opening handshakes didn't, by side and HTTP status or another reason."""
    values: Values = {}
    for side, tally in sides():
        for answer, count in dict(tally.answers).items():
            if answer != 101:
                known = answer in STATUSES or answer in WORDS
                key = (side, str(answer) if known else "other")
                values[key] = values.get(key, 0) + count
    return values


# Topics


def counts() -> Any:
    """Return the numbers of topics, None if nobody has used them."""
    module = sys.modules.get("websockets.topics.counts")
    return None if module is None else module.COUNTS


def counted(name: str) -> Callable[[], Values]:
    """Return what reads a number of topics that only grows."""
    return lambda: {(): getattr(counts(), name, 0)}


def added(name: str) -> Callable[[], Values]:
    """Return what adds up a number that all topics know of themselves."""
    return lambda: {(): sum(topics.state()[name] for topics in all_topics())}


def all_topics() -> list[Any]:
    """Return all topics of this process."""
    found = counts()
    return [] if found is None else found.topics()


def gaps() -> Values:
    """Return how often messages were missing, by the reason."""
    found = counts()
    reasons = {} if found is None else dict(found.gaps)
    return {(reason,): count for reason, count in reasons.items()}


def lag() -> Values:
    """Return by how much topics are behind Redis, in seconds."""
    return {(): max((topics.state()["lag"] for topics in all_topics()), default=0.0)}


SIDE = ("side",)

METRICS = (
    Metric("connections", "gauge", "connections", SIDE, "Connections that are open.", open_now),
    Metric(
        "connections_opened",
        "counter",
        "connections",
        SIDE,
        "Connections that were opened.",
        by_side("opened"),
    ),
    Metric(
        "connections_closed",
        "counter",
        "connections",
        ("side", "by", "code"),
        "Connections that have ended, by who sent the first close frame, and its code.",
        closed,
    ),
    Metric(
        "handshakes_accepted",
        "counter",
        "handshakes",
        SIDE,
        "Opening handshakes that led to a connection.",
        accepted,
    ),
    Metric(
        "handshakes_refused",
        "counter",
        "handshakes",
        ("side", "reason"),
        "Opening handshakes that didn't, by HTTP status or another reason.",
        refused,
    ),
    Metric(
        "keepalive_timeouts",
        "counter",
        "connections",
        SIDE,
        "Connections that were closed because no pong came.",
        by_side("keepalive_timeouts"),
    ),
    Metric(
        "messages_received",
        "counter",
        "messages",
        SIDE,
        "Messages received.",
        by_side("messages_received"),
    ),
    Metric(
        "messages_sent", "counter", "messages", SIDE, "Messages sent.", by_side("messages_sent")
    ),
    Metric(
        "bytes_received",
        "counter",
        "bytes",
        SIDE,
        "Bytes of frames received.",
        by_side("bytes_received"),
    ),
    Metric("bytes_sent", "counter", "bytes", SIDE, "Bytes of frames sent.", by_side("bytes_sent")),
    Metric("topics", "gauge", "topics", (), "Topics that have subscribers here.", added("topics")),
    Metric(
        "topics_subscribers",
        "gauge",
        "subscribers",
        (),
        "Subscriptions to topics, of connections and of programs.",
        added("subscribers"),
    ),
    Metric(
        "topics_published",
        "counter",
        "messages",
        (),
        "Messages published to topics.",
        counted("published"),
    ),
    Metric(
        "topics_unpublished",
        "counter",
        "messages",
        (),
        "Messages that couldn't be published.",
        counted("unpublished"),
    ),
    Metric(
        "topics_received",
        "counter",
        "messages",
        (),
        "Messages that came to topics that have subscribers here.",
        counted("received"),
    ),
    Metric(
        "topics_delivered",
        "counter",
        "messages",
        (),
        "Messages of topics, each as often as there were subscribers.",
        counted("delivered"),
    ),
    Metric(
        "topics_dropped",
        "counter",
        "messages",
        (),
        "Messages that were dropped for a subscriber that was slow.",
        counted("dropped"),
    ),
    Metric(
        "topics_too_slow",
        "counter",
        "connections",
        (),
        "Subscribers that were closed for being slow.",
        counted("too_slow"),
    ),
    Metric(
        "topics_gaps",
        "counter",
        "gaps",
        ("reason",),
        "How often a subscriber was told that messages are missing.",
        gaps,
    ),
    Metric(
        "topics_reconnects",
        "counter",
        "connections",
        (),
        "How often Redis was reached again.",
        counted("reconnects"),
    ),
    Metric(
        "topics_waiting",
        "gauge",
        "messages",
        (),
        "Messages that wait to be published.",
        added("waiting"),
    ),
    Metric(
        "topics_behind",
        "gauge",
        "topics",
        (),
        "Topics that have to read what they have missed.",
        added("behind"),
    ),
    Metric(
        "topics_lag",
        "gauge",
        "seconds",
        (),
        "How long what Redis says takes to be heard, or since when nothing is.",
        lag,
    ),
)
