"""MQTT over WebSocket: ``amqtt`` is a broker, with ``websockets.serve``, and its clients."""

import asyncio
import socket

from amqtt.broker import Broker
from amqtt.client import MQTTClient
from amqtt.errors import ConnectError
from loopback import main, raises, refusing, scenario, serving

import websockets

QOS = 0, 1, 2  # at most once, at least once, exactly once


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


async def broker_on(port):
    broker = Broker(
        {
            "listeners": {
                "default": {"type": "ws", "bind": f"127.0.0.1:{port}", "max_connections": 10}
            },
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    return broker


async def client_of(port, **options):
    client = MQTTClient(config={"auto_reconnect": False, **options})
    await client.connect(f"ws://127.0.0.1:{port}/mqtt")
    return client


@scenario
async def publishing():
    port = free_port()
    broker = await broker_on(port)
    hearing, telling = await client_of(port), await client_of(port)
    await hearing.subscribe([("rooms/#", 2)])
    for qos in QOS:
        await telling.publish("rooms/1", bytes([qos]) * 300_000, qos=qos)
        message = await hearing.deliver_message(timeout_duration=10)
        assert message.topic == "rooms/1"
        assert message.data == bytes([qos]) * 300_000
    await telling.disconnect()
    await hearing.disconnect()
    await broker.shutdown()
    with raises(ConnectError):
        await client_of(port)


@scenario
async def the_broker_goes_away():
    """Clients are told, and one that wants to comes back to the next broker."""
    port = free_port()
    broker = await broker_on(port)
    client = await client_of(
        port, auto_reconnect=True, reconnect_max_interval=1, reconnect_retries=20
    )
    await broker.shutdown()
    broker = await broker_on(port)
    while True:
        try:
            await asyncio.wait_for(client.subscribe([("rooms/#", 0)]), 1)
            await client.publish("rooms/1", b"again")
            assert (await client.deliver_message(timeout_duration=1)).data == b"again"
            break
        except Exception:
            await asyncio.sleep(0.1)
    await client.disconnect()
    await broker.shutdown()


@scenario
async def other_programs_connect_to_it():
    port = free_port()
    broker = await broker_on(port)
    async with websockets.connect(f"ws://127.0.0.1:{port}", subprotocols=["mqtt"]) as ws:
        assert ws.subprotocol == "mqtt"
        await ws.send(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")  # CONNECT
        assert await ws.recv() == b"\x20\x02\x00\x00"  # CONNACK
        await ws.send(b"\xc0")  # PINGREQ, in two messages
        await ws.send(b"\x00")
        assert await ws.recv() == b"\xd0\x00"  # PINGRESP
    await broker.shutdown()


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(403)) as address:
        with raises(ConnectError):
            await client_of(address.rpartition(":")[2])


if __name__ == "__main__":
    main()
