"""
The chat of chat.py on several servers, which tell each other by Redis what happens.

    redis-server
    python chat_redis.py --port 8765
    python chat_redis.py --port 8766

Whoever is at http://localhost:8765 talks to those at http://localhost:8766. Servers can be started
and stopped at any time. Needs redis, its package for Python (pip install redis).

Each server publishes what is said to it, and passes on what any of them publishes. While Redis is
gone, what is said waits; a server that has lost it subscribes again, and doesn't learn what the
others published meanwhile.
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

import websockets

CHANNEL = "chat"

PAUSE = 0.1  # seconds until Redis is asked again
PATIENCE = 100  # times that it is asked

people = set()  # the connections to this server
history = collections.deque(maxlen=100)  # the latest events, as JSON
listening = False  # whether what is published reaches this server


async def tell(database, name, **event):
    """Tell everybody on all servers what somebody does."""
    event = json.dumps({"time": time.time(), "name": name, **event})
    for _ in range(PATIENCE):
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
            if listening:
                await database.publish(CHANNEL, event)
                return
        await asyncio.sleep(PAUSE)


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
    """Pass on what is published, and subscribe again where Redis was gone."""
    global listening
    while True:
        with contextlib.suppress(redis.ConnectionError, redis.TimeoutError):
            async with database.pubsub() as subscription:
                await subscription.subscribe(CHANNEL)
                async for event in subscription.listen():
                    if event["type"] == "subscribe":
                        listening = True
                    else:
                        history.append(event["data"])
                        websockets.broadcast(people, event["data"])
        listening = False
        await asyncio.sleep(PAUSE)


async def main(port, url):
    async with redis.asyncio.from_url(url, decode_responses=True) as database:
        handler = functools.partial(chat, database)
        options = {"process_request": serve_page, "max_size": LARGEST_MESSAGE}
        listener = asyncio.ensure_future(listen(database))
        try:
            async with websockets.serve(handler, "localhost", port, **options):
                print(f"Open http://localhost:{port}", flush=True)
                await asyncio.shield(listener)  # which goes on until all have left
        finally:
            listener.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat on several servers, by way of Redis.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.port, arguments.redis))
