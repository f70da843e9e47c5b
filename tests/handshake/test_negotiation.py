"""
How a subprotocol and extensions are agreed upon, where a server or a client goes its own way.
"""

import pytest
from peer import REQUEST, listening, response_to, uri_of

import websockets
from websockets._handshake.negotiation import choose_required_subprotocol
from websockets.http import Headers


@pytest.mark.parametrize(
    "offered, supported, chosen",
    [
        (["a", "b", "c"], ["c", "b", "a"], "c"),
        (["b", "a"], ["a", "b", "a"], "a"),
        (["x", "b"], ["a", "b"], "b"),
    ],
)
def test_a_server_may_insist_on_its_own_order(offered, supported, chosen):
    assert choose_required_subprotocol(offered, supported) == chosen


@pytest.mark.parametrize(
    "offered, text",
    [([], "missing subprotocol"), (["x"], "invalid subprotocol; expected one of a, b")],
)
def test_a_server_may_insist_on_a_subprotocol(offered, text):
    with pytest.raises(websockets.NegotiationError) as raised:
        choose_required_subprotocol(offered, ["a", "b"])
    assert str(raised.value) == text


async def test_a_subclass_may_insist_by_the_functions_that_all_share():
    class Strict(websockets.WebSocketServerProtocol):
        def process_subprotocol(self, headers, available_subprotocols):
            offered = [name.strip() for name in headers["Sec-WebSocket-Protocol"].split(",")]
            return choose_required_subprotocol(offered, available_subprotocols)

    for offered, expected in ((b"b, a", 101), (b"x", 400)):
        request = REQUEST + b"Sec-WebSocket-Protocol: %s\r\n\r\n" % offered
        status, headers, _ = await response_to(
            request, create_protocol=Strict, subprotocols=["a", "b"]
        )
        assert status == expected
        assert headers.get("Sec-WebSocket-Protocol") == ("a" if expected == 101 else None)


client = websockets.WebSocketClientProtocol


@pytest.mark.parametrize(
    "extensions, text",
    [
        (None, "no extensions supported"),
        ([], "no extensions supported"),
        (
            [websockets.ClientPerMessageDeflateFactory()],
            "Unsupported extension: name = x-other, params = [('a', '1')]",
        ),
    ],
)
def test_what_a_client_is_told_of_an_extension_that_it_did_not_offer(extensions, text):
    headers = Headers({"Sec-WebSocket-Extensions": "x-other; a=1"})
    with pytest.raises(websockets.NegotiationError) as raised:
        client.process_extensions(headers, extensions)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    "subprotocols, value, kind, text",
    [
        (None, "x", websockets.NegotiationError, "no subprotocols supported"),
        (["a"], "x", websockets.NegotiationError, "unsupported subprotocol: x"),
        (
            ["a", "b"],
            "a, b",
            websockets.InvalidHeader,
            "invalid Sec-WebSocket-Protocol header: multiple values: a, b",
        ),
    ],
)
def test_what_a_client_is_told_of_a_subprotocol_that_it_did_not_offer(
    subprotocols, value, kind, text
):
    with pytest.raises(kind) as raised:
        client.process_subprotocol(Headers({"Sec-WebSocket-Protocol": value}), subprotocols)
    assert str(raised.value) == text


async def test_a_location_that_is_given_twice():
    async def accept(peer):
        await peer.read_head()
        peer.write(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n")

    async with listening(accept) as server:
        with pytest.raises(websockets.InvalidHeader, match="more than one Location"):
            await websockets.connect(uri_of(server))
