"""
Receiving on asyncio and on trio: whole messages, and messages in fragments as they come.
"""

import pytest
from both import answered, both_ends, both_sides, client_module, close, started, turns
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload

from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosedError,
    ConnectionClosedOK,
    TooManyFragments,
)

pytestmark = pytest.mark.and_trio


CONT = 0


RECV = "cannot call recv while another coroutine is already running recv or recv_streaming"


STREAMING = RECV.replace("recv while", "recv_streaming while")


async def fragments_of(ws, decode=None):
    return [fragment async for fragment in ws.recv_streaming(decode)]


@both_sides
async def test_a_message_is_what_it_was_sent_as(connection):
    async with connection() as (ws, peer):
        for opcode, payload, message in [
            (TEXT, "é".encode(), "é"),
            (TEXT, b"", ""),
            (BINARY, b"\x00\xff", b"\x00\xff"),
            (BINARY, b"", b""),
        ]:
            await peer.send(opcode, payload)
            received = await ws.recv()
            assert (type(received), received) == (type(message), message)


@both_sides
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_may_be_taken_as_text_or_as_bytes(connection, opcode):
    async with connection() as (ws, peer):
        for _ in range(2):
            await peer.send(opcode, "é".encode())
        assert await ws.recv(decode=False) == "é".encode()
        assert await ws.recv(True) == "é"


@both_sides
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_fragments_are_put_together(connection, opcode):
    async with connection() as (ws, peer):
        e, acute = "é".encode()[:1], "é".encode()[1:]
        await peer.send(opcode, e, fin=False)
        await peer.send(PING, b"in between")
        await peer.send(CONT, b"", fin=False)
        await peer.send(CONT, acute)
        message = await ws.recv()
        assert message == ("é" if opcode == TEXT else "é".encode())
        assert await peer.read() == (0x80 | PONG, b"in between")


@both_sides
async def test_text_is_checked_when_it_is_taken(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"ab\xff")
        await peer.send(TEXT, b"ab\xff")
        assert await ws.recv(decode=False) == b"ab\xff"
        assert ws.state.name == "OPEN"
        waiting = started(ws.recv())
        assert await peer.read_close() == (1007, "invalid start byte at position 2")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await waiting
        assert str(raised.value) == (
            "sent 1007 (invalid frame payload data) invalid start byte at position 2; "
            "no close frame received"
        )
        assert isinstance(raised.value.__cause__, UnicodeDecodeError)


@both_sides
async def test_a_binary_message_that_should_be_text_and_is_not(connection):
    async with connection() as (ws, peer):
        await peer.send(BINARY, b"\xff")
        waiting = started(ws.recv(decode=True))
        assert (await peer.read_close())[0] == 1007
        await peer.close()
        with pytest.raises(ConnectionClosedError):
            await waiting


@both_sides
@pytest.mark.parametrize(
    "first, second", [("recv", "recv"), ("recv", "stream"), ("stream", "recv"), ("recv", "iterate")]
)
async def test_one_coroutine_receives_at_a_time(connection, first, second):
    def receive(ws, how):
        if how == "recv":
            return ws.recv()
        return fragments_of(ws) if how == "stream" else ws.__aiter__().__anext__()

    async with connection() as (ws, peer):
        waiting = started(receive(ws, first))
        await turns()
        with pytest.raises(ConcurrencyError) as raised:
            await receive(ws, second)
        assert str(raised.value) == (STREAMING if second == "stream" else RECV)
        assert isinstance(raised.value, RuntimeError)
        await peer.send(TEXT, b"for the first")
        assert "".join(await waiting) == "for the first"


@both_sides
async def test_cancelling_loses_nothing(connection):
    async with connection() as (ws, peer):
        for _ in range(3):
            waiting = started(ws.recv())
            await turns()
            waiting.cancel()
        await peer.send(TEXT, b"a", fin=False)
        waiting = started(ws.recv())
        await answered(await peer_has_been_heard(ws, peer))
        waiting.cancel()
        await turns()
        await peer.send(CONT, b"b")
        assert await ws.recv() == "ab"


async def peer_has_been_heard(ws, peer):
    """Wait until all that the peer has sent before is here."""
    pong = await ws.ping()
    byte0, payload = await peer.read()
    assert byte0 == 0x80 | PING
    await peer.send(PONG, payload)
    return pong


@both_sides
async def test_what_came_before_the_end_can_be_read_after_it(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"1")
        await peer.send(TEXT, b"2")
        await peer.send(CLOSE, close_payload(1001, "bye"))
        await peer.read_close()
        await peer.close()
        await ws.wait_closed()
        assert [await ws.recv(), await ws.recv()] == ["1", "2"]
        for _ in range(2):
            with pytest.raises(ConnectionClosedOK) as raised:
                await ws.recv()
            assert str(raised.value) == (
                "received 1001 (going away) bye; then sent 1001 (going away) bye"
            )
        with pytest.raises(ConnectionClosedOK):
            await fragments_of(ws)


@both_sides
@pytest.mark.parametrize(
    "payload, error",
    [
        (b"", ConnectionClosedOK),
        (close_payload(1000), ConnectionClosedOK),
        (close_payload(1001), ConnectionClosedOK),
        (close_payload(1002), ConnectionClosedError),
        (close_payload(4000), ConnectionClosedError),
    ],
)
async def test_which_ends_are_in_order(connection, payload, error):
    async with connection() as (ws, peer):
        await peer.send(CLOSE, payload)
        await peer.read_close()
        await peer.close()
        with pytest.raises(error) as raised:
            await ws.recv()
        exc = raised.value
        assert (exc.rcvd, exc.rcvd_then_sent, exc.__cause__) == (exc.sent, True, None)
        assert (
            ws.close_code
            == exc.rcvd.code
            == (1005 if not payload else payload[0] * 256 + payload[1])
        )
        if error is ConnectionClosedOK:
            assert [message async for message in ws] == []
        else:
            with pytest.raises(error):
                await ws.__aiter__().__anext__()


@both_sides
@pytest.mark.parametrize(
    "sent, text",
    [
        (b"", "unexpected end of stream"),
        (b"\x81", "stream ends after 1 bytes, expected 2 bytes"),
        (b"\x81\xfe\x01", "stream ends after 1 bytes, expected 2 bytes"),
    ],
)
async def test_an_end_without_a_close_frame(connection, sent, text):
    async with connection() as (ws, peer):
        if not peer.masked:
            sent = sent.replace(b"\xfe", b"\x7e")
        await peer.write(sent)
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await ws.recv()
        exc = raised.value
        assert str(exc) == "no close frame received or sent"
        assert (exc.rcvd, exc.sent, exc.rcvd_then_sent) == (None, None, None)
        assert isinstance(exc.__cause__, EOFError) and str(exc.__cause__) == text
        assert (ws.close_code, ws.close_reason) == (1006, "")


# In fragments


@both_sides
async def test_each_frame_is_an_item(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"whole")
        assert await fragments_of(ws) == ["whole"]
        await peer.send(TEXT, b"as bytes")
        assert await fragments_of(ws, decode=False) == [b"as bytes"]
        await peer.send(BINARY, b"a", fin=False)
        await peer.send(CONT, b"b", fin=False)
        await peer.send(CONT, b"")
        assert await fragments_of(ws) == [b"a", b"b", b""]


@both_sides
async def test_fragments_come_as_they_are_sent(connection):
    async with connection() as (ws, peer):
        fragments = ws.recv_streaming()
        for opcode, payload in [(TEXT, b"a"), (CONT, b"b"), (CONT, b"c")]:
            waiting = started(fragments.__anext__())
            await turns()
            assert not waiting.done()
            await peer.send(opcode, payload, fin=False)
            assert await waiting == payload.decode()
        await peer.send(CONT, b"")
        assert [fragment async for fragment in fragments] == [""]


@both_sides
@pytest.mark.parametrize(
    "opcode, decode, items",
    [
        (TEXT, None, ["", "é", ""]),
        (TEXT, False, [b"\xc3", b"\xa9", b""]),
        (BINARY, None, [b"\xc3", b"\xa9", b""]),
        (BINARY, True, ["", "é", ""]),
    ],
)
async def test_a_character_may_be_in_two_fragments(connection, opcode, decode, items):
    async with connection() as (ws, peer):
        await peer.send(opcode, b"\xc3", fin=False)
        await peer.send(CONT, b"\xa9", fin=False)
        await peer.send(CONT, b"")
        assert await fragments_of(ws, decode) == items


@both_sides
@pytest.mark.parametrize("last", [b"\xff", b"\xc3"])
async def test_fragments_of_a_text_that_is_none(connection, last):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"a", fin=False)
        await peer.send(CONT, last)
        fragments = ws.recv_streaming()
        assert await fragments.__anext__() == "a"
        waiting = started(fragments.__anext__())
        assert (await peer.read_close())[0] == 1007
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await waiting
        assert isinstance(raised.value.__cause__, UnicodeDecodeError)


@both_sides
async def test_all_fragments_have_to_be_taken(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"a", fin=False)
        await peer.send(CONT, b"b")
        await peer.send(TEXT, b"another")
        fragments = ws.recv_streaming()
        await fragments.__anext__()
        await fragments.aclose()
        for _ in range(2):
            with pytest.raises(ConcurrencyError):
                await ws.recv()
            with pytest.raises(ConcurrencyError):
                await fragments_of(ws)


@both_sides
async def test_cancelling_before_the_first_fragment_is_safe_and_later_is_not(connection):
    async with connection() as (ws, peer):
        waiting = started(ws.recv_streaming().__anext__())
        await turns()
        waiting.cancel()
        await turns()
        await peer.send(TEXT, b"a", fin=False)
        fragments = ws.recv_streaming()
        assert await fragments.__anext__() == "a"
        waiting = started(fragments.__anext__())
        await turns()
        waiting.cancel()
        await turns()
        await peer.send(CONT, b"b")
        with pytest.raises(ConcurrencyError):
            await ws.recv()


@both_sides
async def test_a_connection_that_ends_among_fragments(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"a", fin=False)
        await peer.close()
        fragments = ws.recv_streaming()
        assert await fragments.__anext__() == "a"
        with pytest.raises(ConnectionClosedError):
            await fragments.__anext__()
        with pytest.raises(ConnectionClosedError):
            await ws.recv()


MOST = 4096


@both_sides
async def test_a_message_of_very_many_frames(connection):
    async with connection() as (ws, peer):
        for count in (MOST - 1, MOST):
            await peer.send(TEXT, b"x", fin=False)
            for _ in range(count - 1):
                await peer.send(CONT, b"x", fin=False)
            await peer.send(CONT, b"")
            if count < MOST:
                assert len(await ws.recv()) == count
        waiting = started(ws.recv())
        assert await peer.read_close() == (1009, "too many fragments")
        await peer.close()
        with pytest.raises(ConnectionClosedError) as raised:
            await waiting
        assert isinstance(raised.value.__cause__, TooManyFragments)
        assert str(raised.value.__cause__) == "fragmented message exceeds limit of 4096 frames"
        assert raised.value.__cause__.max_fragments == 4096


@both_sides
async def test_any_number_of_frames_may_be_taken_in_fragments(connection):
    async with connection() as (ws, peer):
        await peer.send(TEXT, b"x", fin=False)
        for _ in range(MOST):
            await peer.send(CONT, b"x", fin=False)
        await peer.send(CONT, b"")
        assert len(await fragments_of(ws)) == MOST + 2


async def test_iterating_calls_an_overridden_recv():
    class Shouting(client_module().ClientConnection):
        async def recv(self, decode=None):
            return (await super().recv(decode)).upper()

    async with both_ends(create_connection=Shouting) as (server, client):
        await server.send("hello")
        await close(server)
        assert [message async for message in client] == ["HELLO"]
        await client.wait_closed()
        assert client.state.name == "CLOSED"
