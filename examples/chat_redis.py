"""
The chat of chat.py on several servers, which tell each other by Redis what happens.

    redis-server
    python chat_redis.py --port 8765
    python chat_redis.py --port 8766

Whoever is at http://localhost:8765 talks to those at http://localhost:8766. Servers can be started
and stopped at any time, Redis as well: what is said while it is gone is told once it is back. Needs
redis, its package for Python (pip install redis).

Events go through a stream of Redis, where publish and subscribe would lose what happens while a
server isn't listening. So a server that starts learns what was said before, and one that lost its
connection goes on where it was.
"""

import argparse
import asyncio
import collections
import contextlib
import functools
import json
import time

import redis.asyncio
from chat import LARGEST_MESSAGE, LONGEST_NAME, serve_page
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

import websockets

STREAM = "chat"
HISTORY = 100  # events

# What is asked of Redis is asked again for half a minute, before a connection fails for its sake.
PATIENCE = Retry(ExponentialBackoff(base=0.1, cap=5), retries=10)

people = set()  # the connections to this server
history = collections.deque(maxlen=HISTORY)  # the latest events, as JSON


async def tell(database, name, **event):
    """Tell everybody on all servers what somebody does."""
    event = json.dumps({"time": time.time(), "name": name, **event})
    await database.xadd(STREAM, {"event": event}, maxlen=HISTORY)


async def chat(database, websocket):
    """Let somebody in, pass on what they say, and tell when they leave."""
    name = str(await websocket.recv()).strip()[:LONGEST_NAME] or "Somebody"
    websockets.broadcast([websocket], f'{{"history": [{", ".join(history)}]}}')
    people.add(websocket)
    try:
        await tell(database, name, did="joined")
        async for text in websocket:
            await tell(database, name, said=str(text))
    finally:
        people.remove(websocket)
        await tell(database, name, did="left")


async def listen(database):
    """Pass on what happens, from the oldest event that Redis has."""
    latest = "0"
    while True:
        try:
            streams = await database.xread({STREAM: latest}, block=1000)
        except redis.ConnectionError as error:
            print(f"Redis doesn't answer: {error}", flush=True)
            continue
        for _, entries in streams or []:
            for number, entry in entries:
                latest = number
                history.append(entry["event"])
                websockets.broadcast(people, entry["event"])


async def main(port, url):
    async with redis.asyncio.from_url(url, decode_responses=True, retry=PATIENCE) as database:
        handler = functools.partial(chat, database)
        options = {"process_request": serve_page, "max_size": LARGEST_MESSAGE}
        async with websockets.serve(handler, "localhost", port, **options):
            print(f"Open http://localhost:{port}", flush=True)
            await listen(database)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat on several servers, by way of Redis.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.port, arguments.redis))
