"""
discord.py 1.2 subclasses the client's protocol of that time, and gives it as ``klass``.

The peer is a gateway that compresses all that it says in one stream, and asks for heartbeats, which
a thread sends.
"""

import asyncio
import contextlib
import json
import zlib

import discord
from loopback import answering, main, raises, scenario, serving

ME = {"id": "1", "username": "me", "discriminator": "0001", "avatar": None, "bot": True}
YOU = {"id": "2", "username": "you", "discriminator": "0002", "avatar": None}
READY = {
    "v": 6,
    "user": ME,
    "session_id": "a session",
    "guilds": [],
    "private_channels": [],
    "relationships": [],
}

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, HELLO, ACK = 0, 1, 2, 3, 6, 10, 11


class Gateway:
    """One connection as the gateway sees it."""

    def __init__(self, connection, interval=40):
        self.connection = connection
        self.deflate = zlib.compressobj()
        self.interval = interval
        self.beats = 0
        self.sequence = 0

    async def say(self, op, data, **details):
        text = json.dumps({"op": op, "d": data, **details}).encode()
        data = self.deflate.compress(text) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        # A message of the stream may come in several of the connection.
        await self.connection.send(data[:-5])
        await self.connection.send(data[-5:])

    async def dispatch(self, name, data):
        self.sequence += 1
        await self.say(DISPATCH, data, t=name, s=self.sequence)

    async def hello(self):
        await self.say(HELLO, {"heartbeat_interval": self.interval})

    async def hear(self, wanted):
        """Return what comes with this opcode; answer heartbeats before it."""
        while True:
            told = json.loads(await self.connection.recv())
            if told["op"] == HEARTBEAT:
                self.beats += 1
                await self.say(ACK, None)
            if told["op"] == wanted:
                return told["d"]


def message(text):
    return {
        "id": "10",
        "channel_id": "20",
        "author": YOU,
        "content": text,
        "timestamp": "2020-01-01T00:00:00.000000+00:00",
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
    }


class Client(discord.Client):
    def __init__(self):
        super().__init__()
        self.heard = asyncio.Queue()

    async def on_connect(self):
        self.heard.put_nowait("connected")

    async def on_disconnect(self):
        self.heard.put_nowait("disconnected")

    async def on_resumed(self):
        self.heard.put_nowait("resumed")

    async def on_message(self, message):
        self.heard.put_nowait(message.content)


@contextlib.asynccontextmanager
async def client_of(gateway):
    """Start a client of this gateway, and close it."""

    async def peer(connection):
        assert connection.request.path == "/?encoding=json&v=6&compress=zlib-stream"
        assert "Sec-WebSocket-Extensions" not in connection.request.headers
        await gateway(connection)

    async with serving(peer) as address:
        answers = {"/api/v7/users/@me": ME, "/api/v7/gateway": {"url": f"{address}/"}}
        async with answering(answers) as http:
            discord.http.Route.BASE = f"{http}/api/v7"
            client = Client()
            client.running = asyncio.ensure_future(client.start("a token"))
            try:
                yield client
            finally:
                await client.close()
                await asyncio.wait([client.running])


@scenario
async def messages_heartbeats_and_presence():
    presence = asyncio.Queue()
    large = "é" * 500_000

    async def peer(connection):
        gateway = Gateway(connection)
        await gateway.hello()
        assert (await gateway.hear(IDENTIFY))["token"] == "a token"
        await gateway.dispatch("READY", READY)
        await gateway.dispatch("MESSAGE_CREATE", message("hello"))
        await gateway.dispatch("MESSAGE_CREATE", message(large))
        presence.put_nowait(await gateway.hear(PRESENCE))
        while gateway.beats < 3:
            await gateway.hear(HEARTBEAT)
        presence.put_nowait("beats")
        await connection.wait_closed()
        assert connection.close_code == 1000

    async with client_of(peer) as client:
        assert await client.heard.get() == "connected"
        assert await client.heard.get() == "hello"
        assert await client.heard.get() == large
        await client.change_presence(activity=discord.Game(name="chess"))
        assert (await presence.get())["game"]["name"] == "chess"
        assert await presence.get() == "beats"
        assert 0 < client.latency < 60
        assert not client.is_closed() and client.ws.open
    assert client.running.exception() is None


@scenario
async def a_session_is_resumed():
    async def cut(connection):
        connection.transport.abort()

    async def fail(connection):
        await connection.close(4000, "unknown error")

    for end in cut, fail:
        connections = []

        async def peer(connection, end=end, connections=connections):
            connections.append(connection)
            gateway = Gateway(connection)
            await gateway.hello()
            if len(connections) == 1:
                await gateway.hear(IDENTIFY)
                await gateway.dispatch("READY", READY)
                await gateway.dispatch("MESSAGE_CREATE", message("before"))
                while not gateway.beats:
                    await gateway.hear(HEARTBEAT)
                await end(connection)
            else:
                resumed = await gateway.hear(RESUME)
                assert (resumed["session_id"], resumed["seq"]) == ("a session", 2)
                await gateway.dispatch("RESUMED", {})
                await gateway.dispatch("MESSAGE_CREATE", message("after"))
                await connection.wait_closed()

        async with client_of(peer) as client:
            heard = [await client.heard.get()]
            while heard[-1] != "after":
                heard.append(await client.heard.get())
            assert heard == ["connected", "before", "disconnected", "resumed", "after"], heard


@scenario
async def the_gateway_refuses_the_token():
    async def peer(connection):
        gateway = Gateway(connection)
        await gateway.hello()
        await gateway.hear(IDENTIFY)
        await connection.close(4004, "authentication failed")

    async with client_of(peer) as client:
        with raises(discord.ConnectionClosed) as caught:
            await client.running
        assert caught.exception.code == 4004


if __name__ == "__main__":
    main()
