"""
A text instead of a list: Python would find parts of it, and let in whoever says a part.

Arguments are refused when an object is built; these are the other ways to give one.
"""

import pytest
from peer import REQUEST, hold, port_of, tcp_to

import websockets
from websockets.datastructures import Headers

ORIGINS = "https://example.com"


@pytest.mark.parametrize("origins", [ORIGINS, ORIGINS.encode(), bytearray(b"a"), memoryview(b"a")])
@pytest.mark.parametrize("sent", [ORIGINS, "https://e", "e", "", None])
def test_process_origin_takes_no_text(origins, sent):
    headers = Headers() if sent is None else Headers(Origin=sent)
    with pytest.raises(TypeError, match="origins must be None or a list, not "):
        websockets.WebSocketServerProtocol.process_origin(headers, origins)


def test_subprotocols_are_no_text():
    headers = Headers([("Sec-WebSocket-Protocol", "c")])
    with pytest.raises(TypeError, match="subprotocols must be None or a list, not 'chat'"):
        websockets.WebSocketClientProtocol.process_subprotocol(headers, "chat")
    server = websockets.WebSocketServerProtocol(hold, object())
    with pytest.raises(TypeError, match="subprotocols must be None or a list, not 'chat'"):
        server.process_subprotocol(headers, "chat")


@pytest.mark.parametrize(
    ("attribute", "value", "line"),
    [
        ("origins", ORIGINS, "Origin: https://e"),
        ("origins", ORIGINS, "Origin:"),
        ("allowed_hosts", "l", "Origin: https://e"),
        ("available_subprotocols", "chat", "Sec-WebSocket-Protocol: c"),
    ],
)
async def test_a_text_that_is_set_later_lets_nobody_in(attribute, value, line, caplog):
    class Careless(websockets.WebSocketServerProtocol):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            setattr(self, attribute, value)

    async with websockets.serve(hold, "127.0.0.1", 0, create_protocol=Careless) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(
                REQUEST.replace(b"Host: localhost", b"Host: l") + line.encode() + b"\r\n\r\n"
            )
            assert (await peer.read_eof()).startswith(b"HTTP/1.1 500 ")
    [record] = caplog.records
    assert record.exc_info[0] is TypeError and "must be None or a list" in record.exc_text
