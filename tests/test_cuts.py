"""
TCP connections that are cut, at every byte of a conversation, in every way, on either side of it.

Both ends are the library's, with a network of the tests' own in between. No deadline is waited for:
whoever waits must be released by the cut itself.
"""

import asyncio
import contextlib

import pytest
from drawing import CLOSE
from peer import port_of
from proxy import Way, ended, half_close, hang_up, link, nothing_left, reset

import websockets

# Longer than a test may take: nothing here may be left to a deadline.
PATIENT = {"ping_interval": None, "open_timeout": 999, "close_timeout": 999}

AT_A_TIME = 20

# A conversation over TLS takes more bytes, and more time, than all its cuts would be worth.
STRIDE = 7

MESSAGES = ["text", b"binary", "in fragments", "compressed " * 20, ""]


async def lead(ws, received):
    """Take the client's part in the conversation, up to its end."""
    for message in MESSAGES:
        await ws.send(iter([message[:5], message[5:]]) if "frag" in str(message) else message)
        received.append(await ws.recv())
        if message == MESSAGES[0]:
            await (await ws.ping(b"are you there?"))
    if ws.path.startswith("/client"):
        await ws.close(1000, "that was it")
    await ws.recv()


class Echo:
    """A server's part in conversations; what became of each is noted under its path."""

    def __init__(self):
        self.codes = {}
        self.received = {}

    async def __call__(self, ws, path):
        received = self.received[path] = []
        try:
            await (await ws.ping())
            async for message in ws:
                received.append(message)
                fragments = iter([message[:3], message[3:]])
                await ws.send(fragments if "frag" in str(message) else message)
                if len(received) == len(MESSAGES) and path.startswith("/server"):
                    await asyncio.sleep(0)
                    break
            await ws.close(1000, "that was it")
        finally:
            await ws.wait_closed()
            self.codes[path] = ws.close_code


class Conversations:
    """Conversations with one server, over links of their own."""

    def __init__(self, server, echo, context=None):
        self.port = port_of(server)
        self.echo = echo
        self.options = {"ssl": context, **PATIENT} if context else PATIENT

    async def have(self, path, up=None, down=None):
        """Have one; return the client's close code, None if it wasn't opened, and messages."""
        received, ws = [], None
        scheme = "wss" if "ssl" in self.options else "ws"
        async with link(self.port, up, down) as sock:
            with contextlib.suppress(websockets.InvalidHandshake, OSError):
                ws = await websockets.connect(
                    f"{scheme}://127.0.0.1:{self.port}{path}", sock=sock, **self.options
                )
            if ws is not None:
                outcome = await ended(lead(ws, received))
                await ws.wait_closed()
                assert outcome[1] == ws.close_code
                for call in (ws.recv(), ws.ping(), ws.send("x"), ws.send(iter(["x"]))):
                    assert await ended(call) == outcome
                await ws.close()
        return ws and ws.close_code, received

    async def settled(self):
        """Wait until all handlers have noticed the end."""
        while self.echo.received.keys() - self.echo.codes.keys():
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def conversing(certificates=None):
    echo = Echo()
    tls = {"ssl": certificates.server_context()} if certificates else {}
    async with nothing_left(circles=certificates is not None):
        async with websockets.serve(echo, "127.0.0.1", 0, **PATIENT, **tls) as server:
            context = certificates and certificates.client_context()
            talk = Conversations(server, echo, context)
            yield talk
            while server.websockets:
                await asyncio.sleep(0)
            # The server lives on.
            assert await talk.have("/client") == (1000, MESSAGES)


def ends(data):
    """Return where the head ends, and then where each frame does, with its first byte."""
    start = data.index(b"\r\n\r\n") + 4
    found = [(start, None)]
    while start < len(data):
        byte0, byte1 = data[start], data[start + 1]
        assert byte1 & 127 < 126
        start += 2 + (byte1 & 127) + (4 if byte1 & 128 else 0)
        found.append((start, byte0))
    return found


def messages_in(found, count):
    """Return how many messages are complete in the first bytes."""
    return sum(
        end <= count and first is not None and first & 128 and not first & 8 for end, first in found
    )


async def at_every(positions, check):
    """Check all positions, some at a time."""
    positions = iter(positions)

    async def keep_going():
        for position in positions:
            await check(position)

    await asyncio.gather(*[keep_going() for _ in range(AT_A_TIME)])


CUTS = [hang_up, reset, half_close]


@pytest.mark.parametrize("closer", ["client", "server"])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_at_any_byte_releases_both_ends(closer, direction, cut, caplog):
    async with conversing() as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have(f"/{closer}/full", **clean) == (1000, MESSAGES)
        data = bytes(clean[direction].passed)
        found = ends(data)
        assert messages_in(found, len(data)) == len(MESSAGES)
        assert found[-1][1] == 0x80 | CLOSE
        head, last = found[0][0], found[-2][0]

        async def check(position):
            path = f"/{closer}/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, cut)})
            await talk.settled()
            server_code = talk.echo.codes.get(path)
            server_received = talk.echo.received.get(path)
            # Who has the whole close frame, which the one that is cut answers, knows all is well.
            informed = {1000} if position > last else {1006}
            if cut is half_close and position == last:
                informed = {1000, 1006}  # The end of TCP and the end of the conversation cross.
            there = {None} if position < head else {1006}
            if direction == "up":
                here = {None} if position < head else informed if closer == "server" else {1006}
                if position == head:
                    # The client's end of TCP and the server's response cross.
                    here, there = {None, 1006}, {None, 1006}
                complete = server_received
            else:
                here, there = there, informed if closer == "client" else {1006}
                complete = received
            assert code in here and server_code in there
            if cut is not reset and complete is not None:
                assert len(complete) == messages_in(found, position)
            assert received == MESSAGES[: len(received)]
            assert (server_received or []) == MESSAGES[: len(server_received or [])]

        # Only the end of the conversation depends on who closes.
        await at_every(range(0 if closer == "client" else last - 1, len(data)), check)
    assert not caplog.records


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_a_conversation_that_arrives_byte_by_byte(tls, certificates):
    async with conversing(certificates if tls else None) as talk:
        for closer in ("client", "server"):
            ways = Way(bytewise=True), Way(bytewise=True)
            assert await talk.have(f"/{closer}/bytes", *ways) == (1000, MESSAGES)
            assert talk.echo.received[f"/{closer}/bytes"] == MESSAGES


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("cut", CUTS)
async def test_tls_that_is_cut_is_never_taken_for_a_clean_end(direction, cut, certificates, caplog):
    async with conversing(certificates) as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have("/client/full", **clean) == (1000, MESSAGES)

        async def check(position):
            path = f"/client/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, cut)})
            await talk.settled()
            assert received == MESSAGES[: len(received)]
            assert code == 1006 or (code is None and not received) or received == MESSAGES
            server_code, received = talk.echo.codes.get(path), talk.echo.received.get(path, [])
            assert received == MESSAGES[: len(received)]
            assert server_code in (None, 1006) or (server_code == 1000 and received == MESSAGES)

        await at_every(range(0, len(clean[direction].passed), STRIDE), check)
    assert not caplog.records
