"""
Compression, as programs switch it on and off: for connections, and message by message.
"""

import pytest
from peer import TEXT, both_ends, server_and_peer

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


@pytest.mark.parametrize("server", ["deflate", None])
@pytest.mark.parametrize("client", ["deflate", None])
async def test_compression_is_agreed_upon_unless_a_side_switches_it_off(server, client):
    async with both_ends({"compression": server}, compression=client) as ends:
        for ws in ends:
            agreed = ws.response_headers.get("Sec-WebSocket-Extensions")
            if server and client:
                assert agreed.startswith("permessage-deflate")
            else:
                assert agreed is None


async def test_compression_is_on_by_default():
    async with both_ends() as (server, client):
        assert "permessage-deflate" in client.request_headers["Sec-WebSocket-Extensions"]
        assert "permessage-deflate" in client.response_headers["Sec-WebSocket-Extensions"]


@pytest.mark.parametrize("side", ["server", "client"])
async def test_compress_settings_are_those_of_zlib(side):
    sizes = []

    class Measuring(websockets.WebSocketCommonProtocol):
        def data_received(self, data):
            sizes.append(len(data))
            super().data_received(data)

    class MeasuringServer(Measuring, websockets.WebSocketServerProtocol):
        pass

    class MeasuringClient(Measuring, websockets.WebSocketClientProtocol):
        pass

    for level in (0, 9):
        settings = {"compress_settings": {"level": level}}
        server, client = {}, {}
        if side == "server":
            server["extensions"] = [websockets.ServerPerMessageDeflateFactory(**settings)]
            client["create_protocol"] = MeasuringClient
        else:
            client["extensions"] = [websockets.ClientPerMessageDeflateFactory(**settings)]
            server["create_protocol"] = MeasuringServer
        async with both_ends(server, **client) as ends:
            sender, receiver = ends if side == "server" else ends[::-1]
            sizes.clear()
            await sender.send("x" * 1000)
            assert await receiver.recv() == "x" * 1000
            assert (sum(sizes) > 1000) == (level == 0)


def compressed(byte0):
    return byte0 & 0x40 != 0


EXTENSIONS = b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n"


def deflating(**options):
    return [ServerPerMessageDeflateFactory(server_no_context_takeover=True, **options)]


@pytest.mark.parametrize("compress, expected", [(None, True), (True, True), (False, False)])
@pytest.mark.parametrize("message", ["text" * 50, b"binary" * 50, bytearray(200)])
async def test_send_is_told_whether_to_compress(message, compress, expected):
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        await ws.send(message, compress=compress)
        assert compressed((await peer.read())[0]) is expected


async def first_bytes(peer, count):
    return [(await peer.read())[0] for _ in range(count)]


@pytest.mark.parametrize("compress, expected", [(None, True), (True, True), (False, False)])
async def test_send_is_told_whether_to_compress_fragments(compress, expected):
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        await ws.send(["one", "two"], compress=compress)
        first, second, last = await first_bytes(peer, 3)
        # RFC 7692 6.1: RSV1 is for the first frame of a message.
        assert (compressed(first), compressed(second), compressed(last)) == (expected, False, False)


async def test_small_messages_go_uncompressed_if_that_is_wanted():
    options = {"extensions": deflating(min_size=100), "headers": EXTENSIONS}
    async with server_and_peer(**options) as (ws, peer):
        for message, compress, expected in [
            ("-" * 99, None, False),
            ("-" * 100, None, True),
            ("-" * 99, True, True),
            ("-" * 100, False, False),
        ]:
            await ws.send(message, compress=compress)
            assert compressed((await peer.read())[0]) is expected


async def test_compress_means_nothing_without_compression():
    async with server_and_peer() as (ws, peer):
        await ws.send("text", compress=True)
        assert await peer.read() == (0x80 | TEXT, b"text")


async def test_a_connection_tells_what_compression_makes_of_its_messages():
    async with server_and_peer(extensions=deflating(), headers=EXTENSIONS) as (ws, peer):
        for _ in range(3):
            await ws.send("-" * 1000)
        await ws.send("-" * 1000, compress=False)
        [deflate] = ws.extensions
        assert (deflate.sent.messages, deflate.sent.size) == (3, 3000)
        assert deflate.sent.compressed_size < 100
        assert deflate.sent.ratio < 0.1
        assert deflate.received.messages == 0
