"""
Topics: publish and subscribe, in one process or by way of Redis across processes and machines.

Owns the names. Key decision: where messages are kept is a log, of which there are two, embedded.py
and redislog.py; subscribers don't know which. A log tells the feed of a topic what is published,
and a feed tells its subscribers.

    topics.py         the face
    events.py         messages, gaps and positions
    feed.py           a topic in this process
    subscription.py   a connection in it
    listening.py      a program that listens to it
    presence.py       who is there
    embedded.py       a log in memory
    redislog.py       a log on Redis: publishing.py writes it, following.py hears of it,
                      nodes.py is about servers and clusters, scripts.py is what runs in Redis
"""

from .events import BEGINNING, Gap, Message, Unavailable
from .presence import presence_of
from .topics import Topics

__all__ = ["BEGINNING", "Gap", "Message", "Topics", "Unavailable", "presence_of"]
