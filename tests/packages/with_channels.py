"""Django Channels on uvicorn: consumers, in threads as well, and groups of them."""

import asyncio
import json

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="none",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from channels.generic.websocket import (  # noqa: E402
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.urls import re_path  # noqa: E402
from loopback import main, raises  # noqa: E402
from uvicorn_host import hosted  # noqa: E402

import websockets  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402


def application_of(consumer):
    return ProtocolTypeRouter(
        {
            "http": get_asgi_application(),
            "websocket": URLRouter([re_path(r"^rooms/(?P<number>\d+)$", consumer.as_asgi())]),
        }
    )


@hosted
async def a_consumer(hosting):
    ended = asyncio.Queue()

    class Echo(AsyncWebsocketConsumer):
        async def connect(self):
            await self.accept("b")

        async def receive(self, text_data=None, bytes_data=None):
            await self.send(text_data=text_data, bytes_data=bytes_data)

        async def disconnect(self, code):
            ended.put_nowait(code)

    async with hosting(application_of(Echo)) as address:
        async with connect(f"{address}/rooms/1", subprotocols=["a", "b"]) as ws:
            assert ws.subprotocol == "b"
            for message in "é" * 100_000, b"\xff" * 1_000_000, "", b"":
                if message:
                    await ws.send(message)
                    assert await ws.recv() == message
            await ws.close(4000)
        assert await ended.get() == 4000


@hosted
async def a_consumer_in_threads(hosting):
    class Echo(WebsocketConsumer):
        def receive(self, text_data=None, bytes_data=None):
            if text_data == "close":
                self.close(4321)
            else:
                self.send(text_data=text_data)

    async with hosting(application_of(Echo)) as address, connect(f"{address}/rooms/1") as ws:
        for number in range(20):
            await ws.send(str(number))
            assert await ws.recv() == str(number)
        await ws.send("close")
        with raises(websockets.ConnectionClosedError):
            await ws.recv()
        assert ws.close_code == 4321


@hosted
async def a_group(hosting):
    class Member(AsyncJsonWebsocketConsumer):
        async def connect(self):
            self.room = self.scope["url_route"]["kwargs"]["number"]
            await self.channel_layer.group_add(self.room, self.channel_name)
            await self.accept()
            await self.send_json("here")

        async def receive_json(self, content):
            await self.channel_layer.group_send(self.room, {"type": "tell", "what": content})

        async def tell(self, event):
            await self.send_json(event["what"])

        async def disconnect(self, code):
            await self.channel_layer.group_discard(self.room, self.channel_name)

    async with hosting(application_of(Member)) as address:
        members = [await connect(f"{address}/rooms/7") for _ in range(5)]
        for member in members:
            assert await member.recv() == '"here"'
        await members[0].send(json.dumps(["to", "all"]))
        for member in members:
            assert json.loads(await member.recv()) == ["to", "all"]
            await member.close()


@hosted
async def a_refusal(hosting):
    class Refusing(AsyncWebsocketConsumer):
        async def connect(self):
            await self.close()

    async with hosting(application_of(Refusing)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await connect(f"{address}/rooms/1")
        assert caught.exception.response.status_code == 403


if __name__ == "__main__":
    main()
