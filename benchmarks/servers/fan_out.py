"""
A server that passes on what is published to all its connections, in one of several ways.

    python fan_out.py WAY REDIS

A connection hears of the topic that its path names; of TOPIC, if that is "/" or "/slow". It gets a
message, "ready", when it does. The port is printed first. A line on the standard input is a number
of messages that the server is to publish itself, if it knows how (the ways "broadcast" and
"embedded"), or "dropped", which it answers by the number of messages that slow connections missed.
"""

import asyncio
import contextlib
import os
import socket
import sys

MESSAGE = "x" * 100
TOPIC = "fan_out"
READY = "ready"
ROOM = 4096  # bytes that the system keeps for a connection which is meant to be slow

subscribers = {}  # connections, by topics


def topic_of(websocket):
    path = websocket.request.path
    return TOPIC if path in ("/", "/slow") else path[1:]


async def commands(act):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            os._exit(0)
        if line == b"dropped\n":
            from websockets import metrics

            print(int(metrics.snapshot()["topics_dropped"]), flush=True)
        else:
            await act(int(line))


async def nothing(count):
    pass


async def stay(websocket):
    subscribers.setdefault(topic_of(websocket), set()).add(websocket)
    await websocket.send(READY)
    await websocket.wait_closed()


@contextlib.asynccontextmanager
async def broadcasting(url):
    """Without Redis, and without topics."""
    import websockets

    async def act(count):
        for _ in range(count):
            websockets.broadcast(subscribers[TOPIC], MESSAGE)
            await asyncio.sleep(0)

    yield stay, act


@contextlib.asynccontextmanager
async def with_topics(url):
    from websockets.topics import Topics

    async with Topics(url, max_age=60) as topics:

        async def handler(websocket, *path):
            limits = {}
            if websocket.request.path == "/slow":
                # It is behind soon, and stays all the same.
                limits = {"max_messages": 100, "when_slow": "drop_oldest"}
                sock = websocket.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
            await topics.subscribe(websocket, topic_of(websocket), **limits)
            await websocket.send(READY)
            await websocket.wait_closed()

        async def act(count):
            for _ in range(count):
                await topics.publish(TOPIC, MESSAGE)

        yield handler, act


@contextlib.asynccontextmanager
async def by_hand(url):
    """As programs do it: one subscription to Redis for each topic, and broadcast()."""
    import redis.asyncio

    try:
        from websockets import broadcast
    except ImportError:
        from websockets.asyncio.server import broadcast
    async with redis.asyncio.from_url(url, decode_responses=True) as client:
        pubsub = client.pubsub()
        await pubsub.subscribe(TOPIC)
        subscribing = asyncio.Lock()

        async def handler(websocket, *path):
            topic = topic_of(websocket)
            if topic != TOPIC and topic not in subscribers:
                async with subscribing:
                    await pubsub.subscribe(topic)
            await stay(websocket)

        async def listen():
            async for event in pubsub.listen():
                if event["type"] == "message":
                    broadcast(subscribers.get(event["channel"], ()), event["data"])

        listener = asyncio.ensure_future(listen())
        yield handler, nothing
        listener.cancel()


@contextlib.asynccontextmanager
async def with_broadcaster(url):
    from broadcaster import Broadcast

    async with Broadcast(url) as broadcast:

        async def handler(websocket, *path):
            async with broadcast.subscribe(channel=topic_of(websocket)) as subscriber:
                await websocket.send(READY)
                async for event in subscriber:
                    await websocket.send(event.message)

        # The first channel of a process isn't heard (broadcaster 0.3.1 with redis 8.1) until there
        # is a second one, so that the first is one that nobody needs.
        async with broadcast.subscribe(channel="nobody's"):
            await asyncio.sleep(0.2)
            yield handler, nothing


@contextlib.asynccontextmanager
async def with_channels(url):
    from channels_redis.pubsub import RedisPubSubChannelLayer

    layer = RedisPubSubChannelLayer(hosts=[url])

    async def handler(websocket, *path):
        channel = await layer.new_channel()
        await layer.group_add(topic_of(websocket), channel)
        await websocket.send(READY)
        while True:
            event = await layer.receive(channel)
            await websocket.send(event["text"])

    yield handler, nothing


WAYS = {
    "broadcast": broadcasting,
    "embedded": with_topics,
    "topics": with_topics,
    "hand": by_hand,
    "hand17": by_hand,
    "broadcaster": with_broadcaster,
    "channels": with_channels,
}


async def main(way, url):
    import websockets

    options = {"compression": None, "ping_interval": None, "max_queue": 16}
    async with WAYS[way](url if way != "embedded" else None) as (handler, act):
        sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        async with websockets.serve(handler, sock=sock, open_timeout=60, **options):
            print(sock.getsockname()[1], flush=True)
            await commands(act)


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(main(*sys.argv[1:]))
