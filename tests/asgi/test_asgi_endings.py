"""
How connections of ASGI applications end: by either side, abruptly, with the server, by a mistake.
"""

import asyncio
import contextlib
import socket
import struct

import pytest
from hosting import Host, accept, echo, hold, hosted_peer, hosting
from peer import CLOSE, PING, REQUEST, TEXT, Writes, close_payload, frame, tcp_to, turns, until

from websockets.asgi import ClientDisconnected, WebSocketProtocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

SEND, DISCONNECT = "websocket.send", "websocket.disconnect"


# Where there is no close frame, or it was the server's own wish, there is no reason.
LOST = {"type": DISCONNECT, "code": 1006}
SHUT_DOWN = {"type": DISCONNECT, "code": 1012}


def disconnect(code, reason=""):
    return {"type": DISCONNECT, "code": code, "reason": reason}


def reset(writer):
    """End TCP in such a way that the other end gets an error."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


# The client closes


@pytest.mark.parametrize(
    "payload, event, answer",
    [
        (close_payload(1000), disconnect(1000), (1000, "")),
        (close_payload(4999, "é" * 60), disconnect(4999, "é" * 60), (4999, "é" * 60)),
        (b"", disconnect(1005), None),
    ],
)
async def test_the_client_closes(payload, event, answer):
    async with hosted_peer(hold) as (host, peer):
        peer.send(CLOSE, payload)
        assert await peer.read_close() == answer
        assert await peer.read_eof() == b""
        await until(lambda: host.app_state["kept"])
        assert host.app_state["kept"] == [event]


async def test_what_came_before_the_close_frame_is_received_and_can_be_answered():
    async with hosted_peer(echo) as (host, peer):
        messages = b"".join(frame(TEXT, b"%d" % n, masked=True) for n in range(10))
        peer.write(messages + frame(CLOSE, close_payload(1001), masked=True))
        for number in range(10):
            assert await peer.read() == (0x80 | TEXT, b"%d" % number)
        assert await peer.read_close() == (1001, "")
        await until(lambda: host.app_state["kept"])
        assert host.app_state["kept"] == [disconnect(1001)]


async def test_an_application_that_waits_for_nothing_hears_of_the_end_when_it_sends():
    gone = []

    async def application(scope, receive, send):
        await accept(receive, send)
        try:
            while True:
                await send({"type": SEND, "text": "x"})
                await asyncio.sleep(0)
        except OSError as exc:
            gone.append(exc)
        for event in {"type": SEND, "text": "x"}, {"type": "websocket.close"}:
            with pytest.raises(ClientDisconnected):
                await send(event)
        # It is told again and again.
        assert [await receive(), await receive()] == [disconnect(1000)] * 2

    async with hosting(application) as host:
        async with connect(host.uri) as ws:
            await ws.recv()
        await until(lambda: not host.tasks)
    assert len(gone) == 1 and isinstance(gone[0], ClientDisconnected)


@pytest.mark.parametrize("end", ["reset", "close", "half close"])
async def test_an_abrupt_end(end):
    async with hosted_peer(hold) as (host, peer):
        if end == "reset":
            reset(peer.writer)
        elif end == "close":
            peer.writer.close()
        else:
            peer.writer.write_eof()
            assert await peer.read_eof() == b""
        await until(lambda: host.app_state["kept"])
        assert host.app_state["kept"] == [LOST]


async def test_an_abrupt_end_while_the_application_waits_to_send():
    ended = []

    async def application(scope, receive, send):
        await accept(receive, send)
        try:
            while True:
                await send({"type": SEND, "bytes": bytes(1_000_000)})
        except ClientDisconnected as exc:
            ended.append(exc)
            raise

    async with hosted_peer(application) as (host, peer):
        await peer.read()
        await turns(50)
        peer.writer.transport.abort()
        await until(lambda: not host.tasks)
    assert len(ended) == 1


async def test_messages_of_several_tasks_that_wait_when_the_client_is_gone():
    ended = []

    async def application(scope, receive, send):
        await accept(receive, send)

        async def some():
            try:
                while True:
                    await send({"type": SEND, "bytes": bytes(1_000_000)})
            except ClientDisconnected:
                ended.append(True)

        await asyncio.gather(some(), some(), some())

    async with hosted_peer(application) as (host, peer):
        await peer.read()
        await turns(50)
        peer.writer.transport.abort()
        await until(lambda: not host.tasks)
    assert ended == [True] * 3


async def test_a_client_that_goes_away_before_the_answer():
    outcome = []

    async def application(scope, receive, send):
        outcome.append(await receive())
        outcome.append(await receive())
        with pytest.raises(ClientDisconnected):
            await send({"type": "websocket.accept"})
        raise ClientDisconnected

    async with hosting(application) as host:
        async with tcp_to(host.port) as peer:
            peer.write(REQUEST + b"\r\n")
            await until(lambda: outcome)
        await until(lambda: not host.tasks and not host.connections)
    assert outcome == [{"type": "websocket.connect"}, LOST]


async def test_a_client_that_was_gone_before_the_server_shuts_down():
    async def application(scope, receive, send):
        await receive()
        await going_on.wait()
        host.app_state["kept"].append(await receive())

    going_on = asyncio.Event()
    async with hosting(application) as host:
        async with tcp_to(host.port) as peer:
            peer.write(REQUEST + b"\r\n")
            await until(lambda: host.tasks)
            await turns()
            [connection] = host.connections
        await until(lambda: not host.connections)
        connection.shutdown()
        going_on.set()
        await until(lambda: not host.tasks)
    assert host.app_state["kept"] == [LOST]


async def test_a_client_that_goes_away_before_its_request_is_whole():
    async def application(scope, receive, send):
        raise AssertionError("it was called")

    host, transport = Host(application), Writes()
    protocol = WebSocketProtocol(config=host.config, server_state=host, app_state={})
    protocol.connection_made(transport)
    protocol.data_received(REQUEST[:20])
    assert host.connections == {protocol} and len(host.tasks) == 1
    protocol.connection_lost(None)
    await until(lambda: not host.tasks)
    assert not host.connections and transport.writes == []


@pytest.mark.parametrize(
    "data, code",
    [
        (frame(TEXT, b"\xff", masked=True), 1007),
        (frame(TEXT, b"x", masked=False), 1002),
        (frame(3, b"x", masked=True), 1002),
        (frame(PING, b"x" * 126, masked=True), 1002),
        (frame(CLOSE, b"\x00", masked=True), 1002),
    ],
)
async def test_what_breaks_the_rules_of_the_protocol(data, code):
    async with hosted_peer(hold) as (host, peer):
        peer.write(data)
        closed = await peer.read_close()
        assert closed[0] == code
        await until(lambda: host.app_state["kept"])
        assert host.app_state["kept"] == [disconnect(*closed)]


# The application closes


@pytest.mark.parametrize(
    "event, closed",
    [
        ({}, (1000, "")),
        ({"code": 4321, "reason": "é"}, (4321, "é")),
        ({"code": 1001, "reason": None}, (1001, "")),
        ({"code": None}, (1000, "")),
    ],
)
async def test_the_application_closes(event, closed):
    async def application(scope, receive, send):
        await accept(receive, send)
        await send({"type": SEND, "text": "before"})
        await send({"type": "websocket.close", **event})
        # It needn't wait for the client to learn of the end that it wanted.
        assert await receive() == disconnect(*closed)

    async with hosted_peer(application) as (host, peer):
        assert await peer.read() == (0x81, b"before")
        assert await peer.read_close() == closed
        await until(lambda: not host.tasks)
        peer.send(CLOSE, close_payload(*closed))
        assert await peer.read_eof() == b""


async def test_another_task_that_receives_hears_that_the_application_closes():
    async def application(scope, receive, send):
        await accept(receive, send)
        waiting = asyncio.ensure_future(receive())
        await turns()
        await send({"type": "websocket.close", "code": 3000})
        assert await waiting == disconnect(3000)

    async with hosted_peer(application) as (host, peer):
        assert await peer.read_close() == (3000, "")
        await until(lambda: not host.tasks)


async def test_messages_that_came_before_the_application_closed_are_received_first():
    async def application(scope, receive, send):
        await accept(receive, send)
        event = await receive()
        await send({"type": "websocket.close"})
        while event["type"] != DISCONNECT:
            received.append(event["text"])
            event = await receive()

    received = []
    async with hosted_peer(application) as (host, peer):
        peer.write(frame(TEXT, b"1", masked=True) + frame(TEXT, b"2", masked=True))
        await peer.read_close()
        await until(lambda: not host.tasks)
    assert received == ["1", "2"]


async def test_an_application_that_returns():
    async def application(scope, receive, send):
        await accept(receive, send)
        await send({"type": SEND, "text": "x"})

    async with hosting(application) as host, connect(host.uri) as ws:
        assert await ws.recv() == "x"
        await ws.wait_closed()
        assert ws.close_code == 1000


async def test_an_application_that_returns_something(caplog):
    async def application(scope, receive, send):
        await accept(receive, send)
        return 5

    async with hosting(application) as host, connect(host.uri) as ws:
        await ws.wait_closed()
        assert ws.close_code == 1000
    assert "ASGI callable should return None, but returned '5'." in caplog.messages


# The application fails


async def test_an_application_that_fails_before_it_answers(caplog):
    async def application(scope, receive, send):
        raise LookupError("as it should")

    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
    response = raised.value.response
    assert (response.status_code, response.body) == (500, b"Internal Server Error")
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.name == "uvicorn.error"
    assert record.getMessage() == "Exception in ASGI application\n"
    assert isinstance(record.exc_info[1], LookupError)


async def test_an_application_that_fails(caplog):
    async def application(scope, receive, send):
        await accept(receive, send)
        await receive()
        raise LookupError("as it should")

    async with hosting(application) as host, connect(host.uri) as ws:
        await ws.send("now")
        with pytest.raises(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1011
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "Exception in ASGI application\n"


async def test_an_application_that_does_not_answer(caplog):
    async def application(scope, receive, send):
        await receive()

    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
    assert raised.value.response.status_code == 500
    assert "ASGI callable returned without completing handshake." in caplog.messages


async def test_an_application_that_ends_with_its_client_is_no_failure(caplog):
    async def application(scope, receive, send):
        await accept(receive, send)
        while True:
            await send({"type": SEND, "text": "x"})
            await asyncio.sleep(0)

    async with hosting(application) as host:
        async with connect(host.uri) as ws:
            await ws.recv()
        await until(lambda: not host.tasks)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_an_application_that_fails_for_another_ones_client(caplog):
    senders = []

    async def application(scope, receive, send):
        await accept(receive, send)
        senders.append(send)
        await receive()
        for each in senders:
            await each({"type": SEND, "text": "x"})

    async with hosting(application) as host:
        async with connect(host.uri):
            await until(lambda: senders)
        await until(lambda: not host.tasks)
        async with connect(host.uri) as ws:
            await ws.send("to all")
            await ws.wait_closed()
            assert ws.close_code == 1011
    assert "Exception in ASGI application\n" in caplog.messages


# The server ends


async def test_the_server_shuts_down():
    async with hosting(hold) as host:
        clients = [await connect(host.uri) for _ in range(3)]
        await host.shut_down()
        for client in clients:
            await client.wait_closed()
            assert client.close_code == 1012
        assert host.app_state["kept"] == [SHUT_DOWN] * 3


async def test_an_application_hears_of_the_shutdown_from_a_client_that_says_nothing():
    async with hosted_peer(hold) as (host, peer):
        [connection] = host.connections
        connection.shutdown()
        await until(lambda: not host.tasks)
        assert host.app_state["kept"] == [SHUT_DOWN]
        assert await peer.read_close() == (1012, "")


async def test_messages_and_a_close_frame_that_wait_when_the_server_shuts_down():
    async def application(scope, receive, send):
        await accept(receive, send)
        await going_on.wait()
        while len(received) < 3:
            received.append(await receive())

    going_on, received = asyncio.Event(), []
    async with hosted_peer(application) as (host, peer):
        peer.write(frame(TEXT, b"1", masked=True) + frame(TEXT, b"2", masked=True))
        peer.send(CLOSE, close_payload(3000, "mine"))
        [connection] = host.connections
        # What the client has said is there when it gets the answer, which the program delays.
        assert await peer.read_close() == (3000, "mine")
        connection.shutdown()
        going_on.set()
        await until(lambda: not host.tasks)
    assert [event.get("text") for event in received[:2]] == ["1", "2"]
    assert received[2] == disconnect(3000, "mine")


async def test_the_server_shuts_down_while_a_client_does_not_answer_a_close_frame():
    async def application(scope, receive, send):
        await accept(receive, send)
        await send({"type": "websocket.close"})

    async with hosted_peer(application) as (host, peer):
        assert await peer.read_close() == (1000, "")
        await until(lambda: not host.tasks)
        await host.shut_down()
        assert await peer.read_eof() == b""


async def test_an_application_that_sends_while_the_server_shuts_down():
    async def application(scope, receive, send):
        await accept(receive, send)
        going_on.set()
        try:
            while True:
                await send({"type": SEND, "text": "x"})
                await asyncio.sleep(0)
        finally:
            assert await receive() == SHUT_DOWN

    going_on = asyncio.Event()
    async with hosting(application) as host, connect(host.uri) as ws:
        await going_on.wait()
        await host.shut_down()
        with pytest.raises(ConnectionClosed):
            while True:
                await ws.recv()
        assert ws.close_code == 1012


async def test_the_server_shuts_down_before_the_application_answers(caplog):
    async def application(scope, receive, send):
        await receive()
        host.app_state["kept"].append(await receive())
        with pytest.raises(ClientDisconnected):
            await send({"type": "websocket.accept"})

    async with hosting(application) as host, tcp_to(host.port) as peer:
        peer.write(REQUEST + b"\r\n")
        await until(lambda: host.tasks)
        await turns()
        [connection] = host.connections
        connection.shutdown()
        assert b" 500 " in await peer.read_head()
        assert await peer.read_eof() == b"Internal Server Error"
        await until(lambda: not host.tasks)
        assert host.app_state["kept"] == [LOST]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_server_that_cancels_the_application():
    async def application(scope, receive, send):
        await accept(receive, send)
        going_on.set()
        await asyncio.Event().wait()

    going_on = asyncio.Event()
    async with hosting(application) as host, connect(host.uri) as ws:
        await going_on.wait()
        for task in host.tasks:
            task.cancel()
        with contextlib.suppress(ConnectionClosed):
            await ws.recv()
        assert ws.close_code == 1012


async def test_a_server_that_cancels_an_application_which_has_not_answered():
    async def application(scope, receive, send):
        await asyncio.Event().wait()

    async with hosting(application) as host:
        connecting = asyncio.ensure_future(connect(host.uri).__aenter__())
        await until(lambda: host.tasks)
        await turns()
        for task in host.tasks:
            task.cancel()
        with pytest.raises((InvalidMessage, InvalidStatus)):
            await connecting
