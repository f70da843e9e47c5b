"""
A server that passes on what is published to all its connections, in one of several ways.

    python fan_out.py WAY REDIS

It prints its port. A line on its standard input is a number of messages that it is to publish
itself, if it knows how: the ways "broadcast" and "embedded".
"""

import asyncio
import os
import sys

MESSAGE = "x" * 100
TOPIC = "fan_out"

connections = set()


async def stay(websocket, *path):
    connections.add(websocket)
    await websocket.wait_closed()


async def commands(act):
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line:
            os._exit(0)
        await act(int(line))


async def nothing(count):
    pass


async def main(way, url):
    import websockets

    act = nothing
    handler = stay
    options = {"compression": None, "ping_interval": None, "max_queue": 16}
    if way in ("topics", "embedded", "many"):
        from websockets.topics import Topics

        topics = Topics(url if way != "embedded" else None, max_age=60)
        await topics.__aenter__()
        number = 0

        async def handler(websocket, *path):
            nonlocal number
            name = TOPIC
            if way == "many":
                name = f"{TOPIC} {number}"
                number += 1
            # Who doesn't read shall stay all the same.
            when_slow = "drop_oldest" if path == ("/slow",) else "close"
            await topics.subscribe(websocket, name, when_slow=when_slow)
            await websocket.wait_closed()

        async def publish(count):
            for _ in range(count):
                await topics.publish(TOPIC, MESSAGE)

        if way == "embedded":
            act = publish
    elif way == "broadcast":

        async def act(count):
            for _ in range(count):
                websockets.broadcast(connections, MESSAGE)
                await asyncio.sleep(0)

    elif way in ("hand", "hand17"):
        import redis.asyncio

        if way == "hand":
            from websockets import broadcast
        else:
            from websockets.asyncio.server import broadcast
        client = redis.asyncio.from_url(url, decode_responses=True)
        pubsub = client.pubsub()
        await pubsub.subscribe(TOPIC)

        async def listen():
            async for event in pubsub.listen():
                if event["type"] == "message":
                    broadcast(connections, event["data"])

        listener = asyncio.ensure_future(listen())  # noqa: F841
    elif way == "broadcaster":
        from broadcaster import Broadcast

        broadcast = Broadcast(url)
        await broadcast.connect()

        async def handler(websocket, *path):
            async with broadcast.subscribe(channel=TOPIC) as subscriber:
                async for event in subscriber:
                    await websocket.send(event.message)

    elif way == "channels":
        from channels_redis.pubsub import RedisPubSubChannelLayer

        layer = RedisPubSubChannelLayer(hosts=[url])

        async def handler(websocket, *path):
            channel = await layer.new_channel()
            await layer.group_add(TOPIC, channel)
            while True:
                event = await layer.receive(channel)
                await websocket.send(event["text"])

    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        print(list(server.sockets)[0].getsockname()[1], flush=True)
        await commands(act)


if __name__ == "__main__":
    try:
        import uvloop

        uvloop.install()
    except ImportError:
        pass
    asyncio.run(main(*sys.argv[1:]))
