"""
The chat of chat.py on several servers, which tell each other by Redis what happens.

    redis-server
    python chat_redis.py --port 8765
    python chat_redis.py --port 8766

Whoever is at http://localhost:8765 talks to those at http://localhost:8766. Servers can be started
and stopped at any time. Needs redis, its package for Python (pip install cywebsockets[redis]).

What is said is published to a topic, and everybody subscribes to it, from the oldest message that
Redis has. While Redis is gone, what is said waits, for ten seconds.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import time

from chat import LARGEST_MESSAGE, LONGEST_NAME, serve_page

import websockets
from websockets.topics import BEGINNING, Topics


def admit(gap):
    """Tell that something is missing, as when Redis has lost its data."""
    return json.dumps({"time": time.time(), "name": "Redis", "did": "has forgotten something"})


async def chat(topics, websocket):
    """Let somebody in, pass on what they say, and tell when they leave."""
    name = str(await websocket.recv()).strip()[:LONGEST_NAME] or "Somebody"

    async def tell(**event):
        await topics.publish("chat", json.dumps({"time": time.time(), "name": name, **event}))

    await websocket.send('{"history": []}')  # which comes event by event
    await topics.subscribe(websocket, "chat", since=BEGINNING, gap=admit)
    await tell(did="joined")
    try:
        async for text in websocket:
            await tell(said=str(text))
    finally:
        await tell(did="left")


async def main(port, url):
    options = {"process_request": serve_page, "max_size": LARGEST_MESSAGE}
    async with Topics(url, history=100) as topics:
        handler = functools.partial(chat, topics)
        async with websockets.serve(handler, "localhost", port, **options):
            print(f"Open http://localhost:{port}", flush=True)
            await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat on several servers, by way of Redis.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.port, arguments.redis))
