"""
A conversation between a client and a server of the library, which tests of faults disturb.

It says something of each kind, one thing at a time, so that each byte has its place.
"""

import asyncio
import contextlib

from peer import port_of
from proxy import ended, link, nothing_left

import websockets

# Longer than a test may take: nothing here may be left to a deadline.
PATIENT = {"ping_interval": None, "open_timeout": 999, "close_timeout": 999}

# How an attempt to connect may fail.
NOT_OPENED = (websockets.InvalidHandshake, OSError, asyncio.TimeoutError)

AT_A_TIME = 20

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
    while True:
        received.append(await ws.recv())


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

    def __init__(self, server, echo, options):
        self.port = port_of(server)
        self.echo = echo
        self.options = options

    async def have(self, path, up=None, down=None):
        """Have one; return the client's close code, None if it wasn't opened, and messages."""
        received, ws = [], None
        scheme = "wss" if "ssl" in self.options else "ws"
        async with link(self.port, up, down) as sock:
            with contextlib.suppress(*NOT_OPENED):
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
async def conversing(certificates=None, **options):
    """Serve conversations; nothing is left of them, and the server lives on."""
    options = {**PATIENT, **options}
    tls = {"ssl": certificates.server_context()} if certificates else {}
    echo = Echo()
    async with nothing_left(circles=certificates is not None):
        async with websockets.serve(echo, "127.0.0.1", 0, **options, **tls) as server:
            tls = {"ssl": certificates.client_context()} if certificates else {}
            talk = Conversations(server, echo, {**options, **tls})
            yield talk
            while server.websockets:
                await asyncio.sleep(0)
            assert await talk.have("/client/again") == (1000, MESSAGES)


async def at_every(positions, check):
    """
    Check every second position, some at a time.

    The other event loop takes the others, and on the other backend it is the other way round.
    """
    on_asyncio = isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)
    first = on_asyncio == (websockets.backend == "compiled")
    share = iter(list(positions)[first::2])

    async def keep_going():
        for position in share:
            await check(position)

    await asyncio.gather(*[keep_going() for _ in range(AT_A_TIME)])


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
