"""
How an ASGI application answers a request: it accepts, refuses or sends a response of its own.
"""

import asyncio

import pytest
from hosting import DATE, accept, hold, hosted_peer, hosting
from peer import CLOSE, REQUEST, close_payload, tcp_to, until

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHeaderValue, InvalidStatus

ACCEPT, CLOSE_EVENT, SEND = "websocket.accept", "websocket.close", "websocket.send"
START, BODY = "websocket.http.response.start", "websocket.http.response.body"


def sending(*events):
    """Make an application that sends events, and waits for the end."""

    async def application(scope, receive, send):
        await receive()
        for event in events:
            await send(event)
        while (await receive())["type"] != "websocket.disconnect":
            pass

    return application


async def refused(*events, **config):
    async with hosting(sending(*events), **config) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
        await until(lambda: not host.connections)
    return raised.value.response


# Accepted


async def test_the_headers_of_the_answer():
    headers = [(b"x-a", b"1"), (b"set-cookie", b"\xe9"), (b"x-a", b"2")]
    async with hosting(sending({"type": ACCEPT, "headers": headers})) as host:
        async with connect(host.uri, compression=None) as ws:
            assert list(ws.response.headers.raw_items()) == [
                ("Upgrade", "websocket"),
                ("Connection", "Upgrade"),
                ("Sec-WebSocket-Accept", ws.response.headers["Sec-WebSocket-Accept"]),
                ("date", DATE.decode()),
                ("server", "host"),
                ("x-a", "1"),
                ("set-cookie", "\xe9"),
                ("x-a", "2"),
            ]


async def test_a_server_may_have_no_headers_of_its_own():
    async with hosting(hold) as host:
        host.default_headers = []
        async with connect(host.uri) as ws:
            assert not {"Date", "Server"} & set(ws.response.headers)


@pytest.mark.parametrize("details", [{}, {"subprotocol": None, "headers": None}, {"headers": ()}])
async def test_an_answer_that_says_nothing_else(details):
    async with hosting(sending({"type": ACCEPT, **details})) as host:
        async with connect(host.uri, subprotocols=["a"]) as ws:
            assert ws.subprotocol is None


async def test_a_subprotocol():
    async with hosting(sending({"type": ACCEPT, "subprotocol": "b"})) as host:
        async with connect(host.uri, subprotocols=["a", "b"]) as ws:
            assert ws.subprotocol == "b"
            [connection] = host.connections
            assert connection.subprotocol == "b"


async def test_an_application_that_accepts_before_it_receives():
    async def application(scope, receive, send):
        await send({"type": ACCEPT})
        await send({"type": SEND, "text": (await receive())["type"]})
        await send({"type": SEND, "text": (await receive())["text"]})

    async with hosting(application) as host, connect(host.uri) as ws:
        await ws.send("x")
        assert [await ws.recv(), await ws.recv()] == ["websocket.connect", "x"]


async def test_a_task_that_receives_before_another_accepts():
    async def application(scope, receive, send):
        await receive()
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": ACCEPT})
        await send({**await waiting, "type": SEND})

    async with hosting(application) as host, connect(host.uri) as ws:
        await ws.send("x")
        assert await ws.recv() == "x"


async def test_the_log_of_a_connection(caplog):
    caplog.set_level("INFO", "uvicorn.error")
    async with hosting(hold) as host:
        async with connect(f"{host.uri}/a?b") as ws:
            address = "%s:%d" % ws.local_address[:2]
        await until(lambda: not host.connections)
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == [
        f'{address} - "WebSocket /a?b" [accepted]',
        "connection open",
        "connection closed",
    ]


# Refused


async def test_a_refusal(caplog):
    caplog.set_level("INFO", "uvicorn.error")
    response = await refused({"type": CLOSE_EVENT, "code": 4000})
    assert (response.status_code, response.reason_phrase, response.body) == (403, "Forbidden", b"")
    assert [message for message in caplog.messages if "403" in message][0].endswith(
        '"WebSocket /" 403'
    )


async def test_a_refusal_before_anything_is_received():
    async def application(scope, receive, send):
        await send({"type": CLOSE_EVENT})
        assert (await receive())["type"] == "websocket.connect"
        assert (await receive())["type"] == "websocket.disconnect"

    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
        assert raised.value.response.status_code == 403
        await until(lambda: not host.tasks)


async def test_a_response(caplog):
    caplog.set_level("INFO", "uvicorn.error")
    headers = [(b"x-a", b"1"), (b"content-type", b"text/x"), (b"x-a", b"2"), (b"server", b"mine")]
    response = await refused(
        {"type": START, "status": 418, "headers": headers},
        {"type": BODY, "body": b"tea", "more_body": True},
        {"type": BODY, "more_body": True},
        {"type": BODY, "body": b"pot"},
    )
    assert (response.status_code, response.body) == (418, b"teapot")
    assert list(response.headers.raw_items()) == [
        ("x-a", "1"),
        ("content-type", "text/x"),
        ("x-a", "2"),
        ("server", "mine"),
        ("date", DATE.decode()),
        ("Connection", "close"),
        ("Content-Length", "6"),
    ]
    assert [message for message in caplog.messages if "418" in message][0].endswith(
        '"WebSocket /" 418'
    )


@pytest.mark.parametrize("wrong", [b"content-length", b"transfer-encoding", b"connection"])
async def test_the_length_of_a_response_is_known(wrong):
    value = {b"content-length": b"100", b"transfer-encoding": b"chunked"}.get(wrong, b"keep-alive")
    response = await refused(
        {"type": START, "status": 401, "headers": [(wrong, value)]},
        {"type": BODY, "body": b"x"},
    )
    assert response.body == b"x"
    assert response.headers["Content-Length"] == "1"
    assert response.headers["Connection"] == "close"
    assert "Transfer-Encoding" not in response.headers


async def test_a_response_without_a_body():
    response = await refused({"type": START, "status": 302}, {"type": BODY})
    assert (response.status_code, response.body) == (302, b"")
    response = await refused({"type": START, "status": 204}, {"type": BODY})
    assert "Content-Length" not in response.headers


async def test_a_response_that_is_not_finished(caplog):
    async def application(scope, receive, send):
        await send({"type": START, "status": 401})

    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
    assert raised.value.response.status_code == 500
    assert "ASGI callable returned without completing handshake." in caplog.messages


# Bad requests


@pytest.mark.parametrize(
    "line, replaced, status",
    [
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 12", 400),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Key: x", 400),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"X: y", 400),
        (b"Host: localhost", b"Sec-WebSocket-Extensions: ;", 400),
        (b"Host: localhost", b"Sec-WebSocket-Protocol: ,,a b", 400),
        (b"Connection: Upgrade", b"Connection: close", 426),
    ],
)
async def test_a_bad_request_does_not_reach_the_application(line, replaced, status, caplog):
    caplog.set_level("INFO", "uvicorn.error")

    async def application(scope, receive, send):
        raise AssertionError("it was called")

    async with hosting(application) as host, tcp_to(host.port) as peer:
        peer.write(REQUEST.replace(line, replaced) + b"\r\n")
        assert f" {status} ".encode() in (await peer.read_head()).split(b"\r\n")[0]
        assert b"Failed to open a WebSocket connection" in await peer.read_eof()
        await peer.close()
        await until(lambda: not host.connections and not host.tasks)
    # One line tells of it, and one of the end.
    messages = [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"]
    assert len(messages) == 2 and str(status) in messages[0]


async def test_what_is_no_request():
    async with hosting(hold) as host, tcp_to(host.port) as peer:
        peer.write(REQUEST + b"Content-Length: 5\r\n\r\n")
        assert await peer.read_eof() == b""
        await peer.close()
        await until(lambda: not host.connections and not host.tasks)


# Mistakes of the application

OPENING = (
    "Expected ASGI message 'websocket.accept', 'websocket.close' or "
    "'websocket.http.response.start' but got '%s'."
)
OPENED = "Expected ASGI message 'websocket.send' or 'websocket.close', but got '%s'."
ANSWERING = "Expected ASGI message 'websocket.http.response.body' but got '%s'."
DONE = (
    "Unexpected ASGI message '%s', after sending 'websocket.close' or response already completed."
)


def mistaken(before, event, error, words):
    """Make an application that makes a mistake, notices it and goes on."""

    async def application(scope, receive, send):
        await receive()
        for each in before:
            await send(each)
        try:
            await send(event)
        except error as exc:
            scope["state"]["kept"].append(str(exc))
            assert words is None or str(exc) == words

    return application


@pytest.mark.parametrize(
    "before, kind, words",
    [
        ([], SEND, OPENING),
        ([], BODY, OPENING),
        ([], "websocket.other", OPENING),
        ([{"type": ACCEPT}], ACCEPT, OPENED),
        ([{"type": ACCEPT}], START, OPENED),
        ([{"type": ACCEPT}], "http.response.start", OPENED),
        ([{"type": START, "status": 400}], START, ANSWERING),
        ([{"type": START, "status": 400}], CLOSE_EVENT, ANSWERING),
        ([{"type": ACCEPT}, {"type": CLOSE_EVENT}], SEND, DONE),
        ([{"type": ACCEPT}, {"type": CLOSE_EVENT}], CLOSE_EVENT, DONE),
        ([{"type": CLOSE_EVENT}], ACCEPT, DONE),
        ([{"type": START, "status": 400}, {"type": BODY}], BODY, DONE),
    ],
)
async def test_events_in_a_wrong_order(before, kind, words):
    event = {"type": kind, "text": "x", "status": 400}
    async with hosting(mistaken(before, event, RuntimeError, words % kind)) as host:
        async with tcp_to(host.port) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_head()
            await until(lambda: not host.tasks)
            peer.send(CLOSE, close_payload(1000))
        assert host.app_state["kept"] == [words % kind]


@pytest.mark.parametrize(
    "event, words",
    [
        ({}, "'websocket.send' must have 'text' or 'bytes'"),
        ({"text": None, "bytes": None}, "'websocket.send' must have 'text' or 'bytes'"),
        ({"text": b"x"}, "'text' of 'websocket.send' must be str, not bytes"),
        ({"text": 5}, "'text' of 'websocket.send' must be str, not int"),
        ({"bytes": "x"}, "'bytes' of 'websocket.send' must be bytes, not str"),
        ({"bytes": ["x"]}, "'bytes' of 'websocket.send' must be bytes, not list"),
    ],
)
async def test_messages_of_a_wrong_type(event, words):
    application = mistaken([{"type": ACCEPT}], {"type": SEND, **event}, TypeError, words)
    async with hosted_peer(application) as (host, peer):
        # Nothing was sent, and it may go on.
        assert await peer.read_close() == (1000, "")
        assert host.app_state["kept"] == [words]


@pytest.mark.parametrize("event", [{}, {"text": "x"}])
async def test_an_event_without_a_type(event):
    application = mistaken([{"type": ACCEPT}], event, KeyError, None)
    async with hosted_peer(application) as (host, peer):
        assert await peer.read_close() == (1000, "")
        assert host.app_state["kept"] == ["'type'"]


@pytest.mark.parametrize("event", [{"code": 1006}, {"code": 99}, {"reason": "x" * 124}])
async def test_a_close_frame_that_cannot_be_sent(event):
    application = mistaken([{"type": ACCEPT}], {"type": CLOSE_EVENT, **event}, Exception, None)
    async with hosted_peer(application) as (host, peer):
        assert await peer.read_close() == (1000, "")
        assert len(host.app_state["kept"]) == 1


@pytest.mark.parametrize(
    "details, error",
    [
        ({"headers": [("x", "y")]}, TypeError),
        ({"headers": [(b"x\r\n", b"y")]}, ValueError),
        ({"headers": [(b"x", b"y\r\nz: a")]}, InvalidHeaderValue),
        ({"subprotocol": "a\r\nb"}, InvalidHeaderValue),
        ({"subprotocol": b"a"}, TypeError),
    ],
)
async def test_headers_that_cannot_be_sent(details, error):
    async def application(scope, receive, send):
        await receive()
        with pytest.raises(error):
            await send({"type": ACCEPT, **details})
        # Nothing was sent, and it may try again.
        await send({"type": ACCEPT, "headers": [(b"x-a", b"1")]})

    async with hosting(application) as host, connect(host.uri) as ws:
        assert ws.response.headers.get_all("X-A") == ["1"]
        assert "x" not in ws.response.headers


@pytest.mark.parametrize("status", [101, 199, 600, "200", None])
async def test_a_status_that_no_response_has(status):
    application = mistaken(
        [],
        {"type": START, "status": status},
        RuntimeError,
        f"Invalid HTTP status code '{status}' in response.",
    )
    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
        assert raised.value.response.status_code == 500
        assert len(host.app_state["kept"]) == 1


async def test_a_body_of_a_wrong_type():
    application = mistaken(
        [{"type": START, "status": 400}], {"type": BODY, "body": "x"}, TypeError, None
    )
    async with hosting(application) as host:
        with pytest.raises(InvalidStatus) as raised:
            await connect(host.uri)
        assert raised.value.response.status_code == 500


async def test_an_unhandled_mistake_ends_the_connection(caplog):
    async def application(scope, receive, send):
        await accept(receive, send)
        await send({"type": SEND})

    async with hosted_peer(application) as (_, peer):
        assert await peer.read_close() == (1011, "")
    assert "Exception in ASGI application\n" in caplog.messages
