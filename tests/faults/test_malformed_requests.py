"""
Requests that are too large, that aren't what HTTP allows, or that are followed by too much.
"""

import asyncio

import pytest
from peer import (
    BINARY,
    CLOSE,
    REQUEST,
    assert_serves,
    close_payload,
    echo,
    port_of,
    response_to,
    tcp_to,
)

import websockets
from websockets.http import read_response


async def test_a_head_of_more_than_64_kib_is_answered_with_431():
    fields = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(9))
    status, _, body = await response_to(REQUEST + fields + b"\r\n")
    assert status == 431 and b"65536" in body


@pytest.mark.parametrize("length", ["+0", "-0", "0x0", " 1", "1_0", "\u0661", "0, 0"])
async def test_numbers_in_requests_are_digits(length):
    request = REQUEST + f"Content-Length: {length}\r\n\r\n".encode()
    assert (await response_to(request))[0] == 400


async def test_a_request_may_say_that_it_has_no_body():
    assert (await response_to(REQUEST + b"Content-Length: 0\r\n\r\n"))[0] == 101
    assert (await response_to(REQUEST + b"Content-Length: 00\r\n\r\n"))[0] == 101


@pytest.mark.parametrize(
    "field",
    [b"Sec-WebSocket-Protocol: \xff", b"Sec-WebSocket-Extensions: \xe9", b"Upgrade: \xe9"],
)
async def test_the_server_lives_after_bytes_that_are_not_ascii(field):
    async with websockets.serve(echo, "127.0.0.1", 0, subprotocols=["chat"]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + field + b"\r\n\r\n")
            status, _, _ = await read_response(peer.reader)
            assert status in (400, 426)
        await assert_serves(server)


async def test_bytes_after_a_request_that_was_refused_are_dropped():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"nonsense\r\n")
            assert (await read_response(peer.reader))[0] == 400
            peer.write(REQUEST + b"\r\n")
            assert b"HTTP/1.1" not in await peer.read_eof()


async def test_a_client_that_talks_while_process_request_runs_is_read_to_a_limit():
    begun, go_on = asyncio.Event(), asyncio.Event()
    protocols = []

    class Slow(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            protocols.append(self)
            begun.set()
            await go_on.wait()

    messages = [b"%d" % n * 10_000 for n in range(30)]
    async with websockets.serve(echo, "127.0.0.1", 0, create_protocol=Slow) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await begun.wait()
            for message in messages:
                peer.send(BINARY, message)
            while protocols[0].transport.is_reading():
                await asyncio.sleep(0)
            go_on.set()
            await peer.read_head()
            assert [(await peer.read())[1] for _ in messages] == messages
            peer.send(CLOSE, close_payload(1000))
            assert await peer.read_close() == (1000, "")
