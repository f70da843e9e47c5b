"""
Servers: the opening handshake seen from a client that writes bytes.
"""

import asyncio
import http
import logging

import pytest
from peer import REQUEST, TEXT, close_payload, echo, frame, hold, port_of, tcp_to
from responses import answer, header, status

import websockets
from websockets.http import Headers


async def test_the_handshake_of_rfc_6455_section_1_3_byte_for_byte():
    request = (
        b"GET /chat HTTP/1.1\r\n"
        b"Host: server.example.com\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Origin: http://example.com\r\n"
        b"Sec-WebSocket-Protocol: chat, superchat\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n"
    )
    head, _ = await answer(
        request,
        subprotocols=["chat"],
        origins=["http://example.com"],
        extra_headers={"Date": "today", "Server": "ours"},
    )
    assert head == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: chat\r\n"
        b"Date: today\r\n"
        b"Server: ours\r\n\r\n"
    )


async def test_a_client_that_does_not_wait_for_the_response():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            early = frame(TEXT, b"early", masked=True) + frame(8, close_payload(1000), masked=True)
            for byte in REQUEST + b"\r\n" + early:
                peer.write(bytes([byte]))
                await asyncio.sleep(0)
            await peer.read_head()
            assert await peer.read() == (0x81, b"early")
            assert await peer.read_close() == (1000, "")


async def test_handlers_get_the_path_and_the_headers():
    seen = []

    async def handler(ws, path):
        seen.append((path, ws.path, ws.request_headers["X-Test"], ws.response_headers["Upgrade"]))

    await answer(REQUEST + b"X-Test: 1\r\n\r\n", handler)
    assert seen == [("/chat?room=1", "/chat?room=1", "1", "websocket")]


BAD_REQUESTS = {
    "not HTTP": (b"hello\r\n\r\n", 400, "request line"),
    "bare LF": (b"GET / HTTP/1.1\n\n", 400, "CRLF"),
    "POST": (REQUEST.replace(b"GET", b"POST") + b"\r\n", 405, "POST"),
    "HTTP/1.0": (REQUEST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n", 505, "HTTP/1.0"),
    "folded field": (REQUEST + b"X: a\r\n b\r\n\r\n", 400, "header field"),
    "long request line": (b"GET /" + b"x" * 8192 + b" HTTP/1.1\r\n\r\n", 414, "8192"),
    "long field": (REQUEST + b"X: " + b"x" * 8192 + b"\r\n\r\n", 431, "8192"),
    "many fields": (REQUEST + b"X: x\r\n" * 128 + b"\r\n", 431, "128"),
    "no Host": (REQUEST.replace(b"Host: localhost\r\n", b"") + b"\r\n", 400, "Host"),
    "two Hosts": (REQUEST + b"Host: other\r\n\r\n", 400, "Host"),
    "body": (REQUEST + b"Content-Length: 1\r\n\r\n", 400, "Content-Length"),
    "chunked body": (REQUEST + b"Transfer-Encoding: chunked\r\n\r\n", 400, "Transfer-Encoding"),
    "no upgrade": (REQUEST.replace(b"Upgrade: websocket\r\n", b"") + b"\r\n", 426, "Upgrade"),
    "wrong upgrade": (REQUEST.replace(b"websocket", b"notwebsocket") + b"\r\n", 426, "Upgrade"),
    "wrong connection": (
        REQUEST.replace(b"Connection: Upgrade", b"Connection: close") + b"\r\n",
        426,
        "Connection",
    ),
    "wrong version": (REQUEST.replace(b"13", b"8") + b"\r\n", 426, "Sec-WebSocket-Version"),
    "no key": (REQUEST.replace(b"Sec-WebSocket-Key", b"X-Key") + b"\r\n", 400, "Key"),
    "short key": (REQUEST.replace(b"dGhl", b"") + b"\r\n", 400, "Key"),
    "key in UTF-8": (REQUEST.replace(b"dGhl", "d\u00e9l".encode()) + b"\r\n", 400, "Key"),
    "two keys": (REQUEST + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400, "Key"),
    "bad extensions": (
        REQUEST + b"Sec-WebSocket-Extensions: a; b=\xe9\r\n\r\n",
        400,
        "Sec-WebSocket-Extensions",
    ),
    "bad subprotocols": (
        REQUEST + b"Sec-WebSocket-Protocol: \xff\r\n\r\n",
        400,
        "Sec-WebSocket-Protocol",
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_request_gets_a_response_that_says_what_was_wrong(name, caplog):
    request, expected, words = BAD_REQUESTS[name]
    head, body = await answer(request, subprotocols=["chat"])
    assert status(head) == expected
    assert words in body.decode()
    assert header(head, "Content-Length") == [str(len(body))]
    assert header(head, "Connection") == ["close"]
    if "version" in name:
        assert header(head, "Sec-WebSocket-Version") == ["13"]
    if "upgrade" in name:
        assert header(head, "Upgrade") == ["websocket"]
    assert not caplog.records


async def test_firefox_lists_keep_alive_before_upgrade():
    request = REQUEST.replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade")
    head, _ = await answer(request + b"\r\n")
    assert status(head) == 101


async def test_an_empty_line_before_the_request_is_ignored():
    head, _ = await answer(b"\r\n" + REQUEST + b"\r\n")
    assert status(head) == 101


async def test_a_client_that_dribbles_is_cut_off():
    async with websockets.serve(hold, "127.0.0.1", 0, open_timeout=0.02) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST)
            assert status(await peer.read_head()) == 408
            await peer.read_eof()


async def test_a_client_that_goes_away_in_the_handshake_is_no_error(caplog):
    async with websockets.serve(hold, "127.0.0.1", 0) as server:
        for data in (b"", REQUEST):
            async with tcp_to(port_of(server)) as peer:
                peer.write(data)
            async with tcp_to(port_of(server)) as peer:
                peer.write(data)
                peer.writer.transport.abort()
    assert not caplog.records


@pytest.mark.parametrize(
    "origins, sent, expected",
    [
        (None, [], 101),
        (None, ["http://any"], 101),
        (["http://a"], ["http://a"], 101),
        (["http://a"], ["http://b"], 403),
        (["http://a"], [], 403),
        (["http://a", None], [], 101),
        (["http://a"], ["http://a", "http://a"], 400),
    ],
)
async def test_origins(origins, sent, expected):
    request = REQUEST + b"".join(b"Origin: %s\r\n" % origin.encode() for origin in sent)
    head, _ = await answer(request + b"\r\n", origins=origins)
    assert status(head) == expected


@pytest.mark.parametrize(
    "offered, supported, chosen",
    [
        ("a", ["a"], "a"),
        ("a, b", ["b", "a"], "b"),
        ("a, b, c", ["c", "b"], "c"),
        ("a", ["b"], None),
        ("a", None, None),
    ],
)
async def test_the_subprotocol_that_both_prefer_is_chosen(offered, supported, chosen):
    request = REQUEST + f"Sec-WebSocket-Protocol: {offered}\r\n\r\n".encode()
    head, _ = await answer(request, subprotocols=supported)
    assert header(head, "Sec-WebSocket-Protocol") == ([chosen] if chosen else [])


def second(client_subprotocols, server_subprotocols):
    return client_subprotocols[1]


class ChoosesSecond(websockets.WebSocketServerProtocol):
    def select_subprotocol(self, client_subprotocols, server_subprotocols):
        return second(client_subprotocols, server_subprotocols)


@pytest.mark.parametrize(
    "kwargs", [{"select_subprotocol": second}, {"create_protocol": ChoosesSecond}]
)
async def test_select_subprotocol_by_argument_and_by_subclass(kwargs):
    request = REQUEST + b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n\r\n"
    head, _ = await answer(request, subprotocols=["a", "b"], **kwargs)
    assert header(head, "Sec-WebSocket-Protocol") == ["b"]


@pytest.mark.parametrize(
    "extra_headers",
    [
        Headers({"X-Extra": "1"}),
        {"X-Extra": "1"},
        [("X-Extra", "1")],
        lambda path, headers: [("X-Extra", "1")] if path == "/chat?room=1" else [],
    ],
)
async def test_extra_headers(extra_headers):
    head, _ = await answer(REQUEST + b"\r\n", extra_headers=extra_headers)
    assert header(head, "X-Extra") == ["1"]


def test_subprotocols_are_a_list():
    with pytest.raises(TypeError, match="list"):
        websockets.serve(hold, subprotocols="chat")


def test_compression_is_deflate_or_none():
    with pytest.raises(ValueError, match="compression"):
        websockets.serve(hold, compression="gzip")


def plain(path, request_headers):
    return http.HTTPStatus.OK, {"X-Seen": path}, b"healthy\n"


async def coroutine(path, request_headers):
    return 200, [("X-Seen", path)], b"healthy\n"


class Answering(websockets.WebSocketServerProtocol):
    async def process_request(self, path, request_headers):
        return plain(path, request_headers)


@pytest.mark.parametrize(
    "kwargs",
    [{"process_request": plain}, {"process_request": coroutine}, {"create_protocol": Answering}],
    ids=["function", "coroutine", "subclass"],
)
async def test_process_request_answers_any_get_request(kwargs):
    head, body = await answer(b"GET /health HTTP/1.1\r\n\r\n", **kwargs)
    assert (status(head), body) == (200, b"healthy\n")
    assert header(head, "X-Seen") == ["/health"]
    assert header(head, "Content-Length") == ["8"]


async def test_process_request_that_returns_none_lets_the_handshake_go_on():
    async def process_request(path, request_headers):
        return None

    head, _ = await answer(REQUEST + b"\r\n", process_request=process_request)
    assert status(head) == 101


@pytest.mark.parametrize(
    "wrong", [ValueError("on purpose"), ConnectionError("on purpose"), "not a triple"], ids=repr
)
async def test_process_request_that_fails_is_logged_and_gives_500(wrong, caplog):
    def process_request(path, request_headers):
        if isinstance(wrong, Exception):
            raise wrong
        return wrong

    caplog.set_level(logging.ERROR, "websockets.server")
    head, body = await answer(REQUEST + b"\r\n", process_request=process_request)
    assert status(head) == 500 and b"on purpose" not in body
    assert [record.name for record in caplog.records] == ["websockets.server"]
    assert caplog.records[0].exc_info
