"""
Messages of ASGI applications: both ways, of all sizes, by all who may call receive() and send().
"""

import asyncio

import pytest
from hosting import accept, echo, hold, hosted_peer, hosting
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, compressed, frame, turns, until

from websockets.asyncio.client import connect
from websockets.exceptions import ConcurrencyError, ConnectionClosedError

FIN = 0x80
RECEIVE, SEND = "websocket.receive", "websocket.send"


async def closing(peer, code=1000):
    peer.send(CLOSE, close_payload(code))
    assert (await peer.read_close())[0] == code


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_text_and_binary_of_all_sizes(compression):
    sizes = [0, 1, 125, 126, 4096, 65535, 65536, 300_000, 2_000_000]
    async with hosting(echo) as host:
        async with connect(host.uri, compression=compression, max_size=None) as ws:
            for size in sizes:
                await ws.send("é" * size)
                assert await ws.recv() == "é" * size
                await ws.send(b"\xff" * size)
                assert await ws.recv() == b"\xff" * size


async def test_an_event_has_one_kind_of_message():
    events = []

    async def application(scope, receive, send):
        await accept(receive, send)
        events.extend([await receive() for _ in range(4)])

    async with hosted_peer(application) as (_, peer):
        for opcode, payload in [(TEXT, b"a"), (TEXT, b""), (BINARY, b"a"), (BINARY, b"")]:
            peer.send(opcode, payload)
        await peer.read_close()
        peer.send(CLOSE, close_payload(1000))
    assert events == [
        {"type": RECEIVE, "text": "a"},
        {"type": RECEIVE, "text": ""},
        {"type": RECEIVE, "bytes": b"a"},
        {"type": RECEIVE, "bytes": b""},
    ]
    assert all(type(event) is dict for event in events)
    assert [type(event["bytes"]) for event in events[2:]] == [bytes, bytes]


@pytest.mark.parametrize(
    "event, opcode, payload",
    [
        ({"text": "é"}, TEXT, "é".encode()),
        ({"text": ""}, TEXT, b""),
        ({"text": "x", "bytes": None}, TEXT, b"x"),
        ({"bytes": b"\xff"}, BINARY, b"\xff"),
        ({"bytes": b""}, BINARY, b""),
        ({"bytes": b"x", "text": None}, BINARY, b"x"),
        ({"bytes": bytearray(b"x")}, BINARY, b"x"),
        ({"bytes": memoryview(b"x")}, BINARY, b"x"),
        ({"text": type("Text", (str,), {})("x")}, TEXT, b"x"),
    ],
)
async def test_what_may_be_sent(event, opcode, payload):
    async def application(scope, receive, send):
        await accept(receive, send)
        assert await send({"type": SEND, **event}) is None

    async with hosted_peer(application) as (_, peer):
        assert await peer.read() == (FIN | opcode, payload)
        await closing(peer)


async def test_events_may_be_any_mapping():
    class Event(dict):
        pass

    async def application(scope, receive, send):
        await receive()
        await send(Event(type="websocket.accept"))
        await send(Event(type=SEND, text="x"))
        await send(Event(type="websocket.close", code=3000))

    async with hosting(application) as host, connect(host.uri) as ws:
        assert await ws.recv() == "x"
        await ws.wait_closed()
        assert ws.close_code == 3000


async def test_fragments_become_one_message():
    async with hosted_peer(echo) as (_, peer):
        text = "é€".encode()
        peer.send(TEXT, text[:1], fin=False)
        peer.send(PING, b"between")
        assert await peer.read() == (FIN | PONG, b"between")
        peer.send(0, text[1:4], fin=False)
        peer.send(0, text[4:])
        assert await peer.read() == (FIN | TEXT, text)
        await closing(peer)


async def test_messages_keep_their_order():
    async with hosted_peer(echo) as (_, peer):
        peer.write(b"".join(frame(TEXT, b"%d" % n, masked=True) for n in range(1000)))
        for number in range(1000):
            assert await peer.read() == (FIN | TEXT, b"%d" % number)
        await closing(peer)


async def test_compressed_messages():
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    async with hosted_peer(echo, headers=offer) as (_, peer):
        peer.send(TEXT, compressed(b"x" * 1000), rsv=4)
        byte0, payload = await peer.read()
        assert byte0 == FIN | 0x40 | TEXT and len(payload) < 100
        await closing(peer)


async def test_compression_may_be_off():
    async with hosting(echo, ws_per_message_deflate=False) as host:
        async with connect(host.uri) as ws:
            assert "Sec-WebSocket-Extensions" not in ws.response.headers


async def test_debug_mode():
    asyncio.get_running_loop().set_debug(True)
    async with hosting(echo) as host, connect(host.uri) as ws:
        for _ in range(2):
            await ws.send("x")
            assert await ws.recv() == "x"


async def test_several_tasks_send():
    async def application(scope, receive, send):
        await accept(receive, send)

        async def some(letter):
            for number in range(50):
                await send({"type": SEND, "text": f"{letter}{number}"})

        await asyncio.gather(*map(some, "abc"))

    async with hosting(application) as host, connect(host.uri) as ws:
        got = [await ws.recv() for _ in range(150)]
        for letter in "abc":
            assert [m for m in got if m[0] == letter] == [f"{letter}{n}" for n in range(50)]


async def test_what_is_called_can_be_made_a_task():
    async def application(scope, receive, send):
        await accept(receive, send)
        event = await asyncio.create_task(receive())
        given = receive()
        assert asyncio.iscoroutine(given)
        given.close()
        await asyncio.create_task(send({"type": SEND, "text": event["text"] + "1"}))
        await asyncio.gather(send({"type": SEND, "text": "2"}), send({"type": SEND, "bytes": b"3"}))
        await asyncio.ensure_future(send({"type": SEND, "text": "4"}))
        # A call that isn't awaited yet is without effect on those that are.
        given = receive()
        waiting = asyncio.ensure_future(receive())
        await send({"type": SEND, "text": "5"})
        event = await waiting
        given.close()
        await send({"type": SEND, "text": event["text"] + "!"})

    async with hosting(application) as host, connect(host.uri) as ws:
        await ws.send("a")
        assert [await ws.recv() for _ in range(5)] == ["a1", "2", b"3", "4", "5"]
        await ws.send("b")
        assert await ws.recv() == "b!"


async def test_receiving_may_be_cancelled():
    cancelled = asyncio.Event()

    async def application(scope, receive, send):
        await accept(receive, send)
        for _ in range(3):
            waiting = asyncio.ensure_future(receive())
            await turns()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        cancelled.set()
        await send({**await receive(), "type": SEND})
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.001)
        await send({"type": SEND, "text": "waited"})
        await send({**await receive(), "type": SEND})

    async with hosting(application) as host, connect(host.uri) as ws:
        await cancelled.wait()
        await ws.send("a")
        assert [await ws.recv(), await ws.recv()] == ["a", "waited"]
        await ws.send("b")
        assert await ws.recv() == "b"


async def test_only_one_may_receive_at_a_time():
    async def application(scope, receive, send):
        await accept(receive, send)
        waiting = asyncio.ensure_future(receive())
        await turns()
        with pytest.raises(ConcurrencyError):
            await receive()
        await send({"type": SEND, "text": "refused"})
        await send({**await waiting, "type": SEND})

    async with hosting(application) as host, connect(host.uri) as ws:
        assert await ws.recv() == "refused"
        await ws.send("x")
        assert await ws.recv() == "x"


async def test_a_message_that_is_too_large():
    async with hosting(echo, ws_max_size=1000) as host:
        for compression in "deflate", None:
            async with connect(host.uri, compression=compression) as ws:
                await ws.send("x" * 1000)
                assert await ws.recv() == "x" * 1000
                await ws.send("x" * 1001)
                with pytest.raises(ConnectionClosedError):
                    await ws.recv()
                assert ws.close_code == 1009
        await until(lambda: len(host.app_state["kept"]) == 2)
        assert [event["code"] for event in host.app_state["kept"]] == [1009, 1009]


async def test_send_waits_while_the_client_does_not_read():
    sent = 0

    async def application(scope, receive, send):
        nonlocal sent
        await accept(receive, send)
        for _ in range(500):
            await send({"type": SEND, "bytes": bytes(100_000)})
            sent += 1

    async with hosted_peer(application) as (_, peer):
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.01)
        # 50 MB fit in no socket buffer.
        assert sent < 500
        for _ in range(500):
            assert await peer.read() == (FIN | BINARY, bytes(100_000))
        await closing(peer)


async def test_a_client_waits_while_the_application_does_not_receive():
    going_on = asyncio.Event()

    async def application(scope, receive, send):
        await accept(receive, send)
        await going_on.wait()
        await echo_all(receive, send)

    async def echo_all(receive, send):
        while (event := await receive())["type"] == RECEIVE:
            await send({"type": SEND, "text": str(len(event["bytes"]))})

    async with hosting(application, ws_max_queue=2) as host:
        async with connect(host.uri, compression=None) as ws:

            async def write():
                for _ in range(500):
                    await ws.send(bytes(100_000))

            writing = asyncio.ensure_future(write())
            await turns(200)
            assert not writing.done()
            going_on.set()
            for _ in range(500):
                assert await ws.recv() == "100000"
            await writing


async def test_pings_are_answered_and_keepalive_asks():
    async with hosting(hold, ws_ping_interval=0.005, ws_ping_timeout=None) as host:
        async with connect(host.uri, ping_interval=None) as ws:
            for _ in range(3):
                await (await ws.ping())
    async with hosted_peer(hold, ws_ping_interval=0.005) as (_, peer):
        byte0, payload = await peer.read()
        assert byte0 == FIN | PING
        await closing(peer)


async def test_a_client_that_does_not_answer_pings():
    async with hosted_peer(hold, ws_ping_interval=0.005, ws_ping_timeout=0.005) as (host, peer):
        assert await peer.read_close() == (1011, "keepalive ping timeout")
        await until(lambda: host.app_state["kept"])
        [event] = host.app_state["kept"]
        assert event["code"] == 1011 and event["reason"] == "keepalive ping timeout"


@pytest.mark.parametrize("interval", [None, 0])
async def test_keepalive_may_be_off(interval):
    async with hosting(echo, ws_ping_interval=interval) as host:
        async with connect(host.uri) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            [connection] = host.connections
            assert connection.keepalive_task is None


async def test_many_connections():
    rooms = set()

    async def application(scope, receive, send):
        await accept(receive, send)
        rooms.add(send)
        while (event := await receive())["type"] == RECEIVE:
            for member in list(rooms):
                await member({**event, "type": SEND})
        rooms.discard(send)

    async with hosting(application) as host:
        clients = [await connect(host.uri) for _ in range(100)]
        await until(lambda: len(rooms) == 100)
        await clients[0].send("to all")
        assert [await client.recv() for client in clients] == ["to all"] * 100
        await asyncio.gather(*[client.close() for client in clients])
        await until(lambda: not rooms and not host.connections)
