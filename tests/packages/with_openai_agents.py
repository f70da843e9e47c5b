"""OpenAI's agents: ``agents`` connects by the top level, with keywords of today's API."""

import asyncio
import json

from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from agents.realtime.openai_realtime import OpenAIRealtimeWebSocketModel
from loopback import main, raises, refusing, scenario, serving

import websockets

AUDIO = "A" * 400_000


class Listener:
    def __init__(self):
        self.events = asyncio.Queue()

    async def on_event(self, event):
        if event.type != "raw_server_event":
            self.events.put_nowait(event)

    async def next(self, kind):
        while True:
            event = await self.events.get()
            if event.type == kind:
                return event


async def peer(connection):
    assert connection.request.headers["Authorization"] == "Bearer key"
    assert connection.request.headers["User-Agent"].startswith("Agents/Python")

    async def say(kind, **details):
        await connection.send(json.dumps({"type": kind, "event_id": "1", **details}))

    await say("session.created", session={"type": "realtime", "model": "m"})
    async for message in connection:
        told = json.loads(message)
        if told["type"] == "session.update":
            await say("session.updated", session={"type": "realtime", "model": "m"})
        elif told["type"] == "input_audio_buffer.append":
            await connection.close(1011, "broken")
        elif told["type"] == "input_audio_buffer.clear":
            connection.transport.abort()
        elif told["type"] == "input_audio_buffer.commit":
            await connection.close()
        elif told["type"] == "conversation.item.create":
            ids = {"item_id": "i", "response_id": "r", "output_index": 0, "content_index": 0}
            await say("response.output_audio.delta", delta=AUDIO, **ids)


def options(address):
    return {
        "api_key": "key",
        "url": f"{address}/v1/realtime?model=m",
        "initial_model_settings": {"model_name": "m"},
    }


async def connected(address):
    model = OpenAIRealtimeWebSocketModel(
        transport_config={"ping_interval": 0.05, "ping_timeout": 5, "handshake_timeout": 5}
    )
    listener = Listener()
    model.add_listener(listener)
    await model.connect(options(address))
    return model, listener


def raw(kind, **details):
    return RealtimeModelSendRawMessage(message={"type": kind, "other_data": details})


@scenario
async def a_session_of_an_agent():
    async with serving(peer) as address:
        agent = RealtimeAgent(name="one", instructions="é")
        session = await RealtimeRunner(agent).run(model_config=options(address))
        async with session:
            await session.send_message("hello")
            async for event in session:
                if event.type == "audio":
                    assert len(event.audio.data) == len(AUDIO) * 3 // 4
                    break


@scenario
async def the_server_ends():
    async with serving(peer) as address:
        for kind, details in (
            ("input_audio_buffer.append", {"audio": "AA=="}),
            ("input_audio_buffer.clear", {}),
            ("input_audio_buffer.commit", {}),
        ):
            model, listener = await connected(address)
            await model.send_event(raw(kind, **details))
            if kind.endswith("commit"):
                assert (await listener.next("connection_status")).status == "disconnected"
            else:
                error = (await listener.next("exception")).exception
                assert isinstance(error, websockets.ConnectionClosedError), error
                code = error.rcvd.code if error.rcvd else None
                assert code == (1011 if kind.endswith("append") else None)
            await model.close()


@scenario
async def the_server_refuses():
    async with serving(peer, process_request=refusing(401)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await connected(address)
        assert caught.exception.response.status_code == 401


if __name__ == "__main__":
    main()
