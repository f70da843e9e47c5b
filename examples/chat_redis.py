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

import websockets

STREAM = "chat"
HISTORY = 100  # events

PATIENCE = 30  # seconds without Redis until connections are closed

people = set()  # the connections to this server
history = collections.deque(maxlen=HISTORY)  # the latest events, as JSON


async def ask(command, *arguments, **options):
    """Ask Redis, and ask again while it is gone."""
    for attempt in range(PATIENCE):
        try:
            return await command(*arguments, **options)
        except (redis.ConnectionError, redis.TimeoutError):
            if attempt == PATIENCE - 1:
                raise
            await asyncio.sleep(1)


async def tell(database, name, **event):
    """Tell everybody on all servers what somebody does."""
    event = json.dumps({"time": time.time(), "name": name, **event})
    await ask(database.xadd, STREAM, {"event": event}, maxlen=HISTORY)


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


async def listen(database, over):
    """Pass on what happens, from the oldest event that Redis has."""
    latest = "0"
    while not over.is_set():
        for _, entries in await ask(database.xread, {STREAM: latest}, block=1000) or []:
            for number, entry in entries:
                latest = number
                history.append(entry["event"])
                websockets.broadcast(people, entry["event"])


async def main(port, url):
    async with redis.asyncio.from_url(url, decode_responses=True, retry=None) as database:
        handler = functools.partial(chat, database)
        options = {"process_request": serve_page, "max_size": LARGEST_MESSAGE}
        async with websockets.serve(handler, "localhost", port, **options):
            print(f"Open http://localhost:{port}", flush=True)
            over = asyncio.Event()
            listening = asyncio.ensure_future(listen(database, over))
            try:
                # A read of Redis that is cancelled may go on, so that this one ends by itself.
                await asyncio.shield(listening)
            finally:
                over.set()
                await listening


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Chat on several servers, by way of Redis.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.port, arguments.redis))
