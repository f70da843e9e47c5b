"""
Extensions that programs write, and the order in which extensions are preferred.
"""

import pytest
from peer import REQUEST, TEXT, both_ends, echo, hold, port_of, tcp_to, uri_of

import websockets


async def test_the_server_prefers_the_extension_that_comes_first():
    first = websockets.ServerPerMessageDeflateFactory(server_no_context_takeover=True)
    second = websockets.ServerPerMessageDeflateFactory()
    async with both_ends({"extensions": [first, second]}) as (server, client):
        answer = client.response_headers["Sec-WebSocket-Extensions"]
        assert "server_no_context_takeover" in answer
    async with both_ends({"extensions": [second, first]}) as (server, client):
        answer = client.response_headers["Sec-WebSocket-Extensions"]
        assert "server_no_context_takeover" not in answer


async def test_the_client_offers_its_extensions_in_their_order():
    first = websockets.ClientPerMessageDeflateFactory(server_max_window_bits=10)
    second = websockets.ClientPerMessageDeflateFactory()
    async with both_ends(extensions=[first, second]) as (server, client):
        assert client.request_headers["Sec-WebSocket-Extensions"] == (
            "permessage-deflate; server_max_window_bits=10, permessage-deflate"
        )
        assert "server_max_window_bits=10" in client.response_headers["Sec-WebSocket-Extensions"]


class Rot:
    """An extension as a program would write it: it shifts payloads, and marks that by RSV2."""

    name = "x-rot"

    def __init__(self, shift=1):
        self.shift = shift

    def get_request_params(self):
        return [("shift", str(self.shift)), ("maybe", None)]

    def process_request_params(self, params, accepted_extensions):
        if ("maybe", None) not in params:
            raise websockets.NegotiationError("no")
        shift = dict(params)["shift"]
        return [("shift", shift)], Rot(int(shift))

    def process_response_params(self, params, accepted_extensions):
        assert params == [("shift", str(self.shift))]
        return self

    def encode(self, frame):
        if frame.opcode >= 8:
            return frame
        return frame._replace(data=bytes((b + self.shift) % 256 for b in frame.data), rsv2=True)

    def decode(self, frame, *, max_size=None):
        if not frame.rsv2:
            return frame
        return frame._replace(data=bytes((b - self.shift) % 256 for b in frame.data), rsv2=False)


@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_an_extension_of_a_program(compression):
    async with websockets.serve(
        echo, "127.0.0.1", 0, extensions=[Rot()], compression=compression
    ) as server:
        async with websockets.connect(
            uri_of(server), extensions=[Rot(200)], compression=compression
        ) as ws:
            agreed = ws.response_headers["Sec-WebSocket-Extensions"]
            assert agreed.startswith("x-rot; shift=200")
            assert ("permessage-deflate" in agreed) == bool(compression)
            for message in ("text" * 100, b"\x00\xff", ""):
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send([b"ab", b"", b"cd"])
            assert await ws.recv() == b"abcd"
            await (await ws.ping())
    assert ws.close_code == 1000


async def test_what_an_extension_sends_on_the_wire():
    request = REQUEST + b"Sec-WebSocket-Extensions: x-rot; shift=1; maybe\r\n\r\n"
    async with websockets.serve(echo, "127.0.0.1", 0, extensions=[Rot()]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            head = await peer.read_head()
            assert b"Sec-WebSocket-Extensions: x-rot; shift=1\r\n" in head
            peer.send(TEXT, b"bcd", rsv=2)
            assert await peer.read() == (0xA1, b"bcd")
            peer.send(TEXT, b"abc")
            assert await peer.read() == (0xA1, b"bcd")
            peer.send(TEXT, b"abc", rsv=1)
            assert (await peer.read_close())[0] == 1002


async def test_an_extension_that_declines_is_left_out():
    request = REQUEST + b"Sec-WebSocket-Extensions: x-rot; shift=1, x-unknown\r\n\r\n"
    async with websockets.serve(hold, "127.0.0.1", 0, extensions=[Rot()]) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            assert b"Sec-WebSocket-Extensions" not in await peer.read_head()


def test_the_interface_of_extensions_has_nothing_of_its_own():
    an_extension, a_frame = websockets.Extension(), websockets.Frame(True, TEXT, b"")
    for call in (
        lambda: an_extension.decode(a_frame),
        lambda: an_extension.encode(a_frame),
        lambda: websockets.ClientExtensionFactory().get_request_params(),
        lambda: websockets.ClientExtensionFactory().process_response_params([], []),
        lambda: websockets.ServerExtensionFactory().process_request_params([], []),
    ):
        with pytest.raises(NotImplementedError):
            call()
    assert not an_extension.passes(TEXT, 0)
