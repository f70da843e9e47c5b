"""
A dialogue on a network in memory, for tests to disturb at any byte, with a clock of its own.

Deadlines that end it take no time, and may therefore be those that programs have.
"""

import asyncio
import contextlib
import gc

import pytest
from dialogue import NOT_OPENED, Echo, lead
from peer import turns
from proxy import connections, ended
from virtual import flowing_loop

import websockets

DEADLINES = {"ping_interval": 20, "ping_timeout": 15, "open_timeout": 7, "close_timeout": 3}
KEEPALIVE = DEADLINES["ping_interval"] + DEADLINES["ping_timeout"]
OPENING, CLOSING = DEADLINES["open_timeout"], DEADLINES["close_timeout"]
PATIENCE = 2 * (KEEPALIVE + CLOSING)  # seconds until the client gives up waiting for an answer


@contextlib.contextmanager
def no_connection_left():
    """Check that all connections are gone in the end, without the garbage collector's help."""
    gc.collect()
    before = connections()
    gc.disable()
    try:
        yield
        assert connections() == before
    finally:
        gc.enable()


def virtually(function, *args, buffered=False, **kwargs):
    """
    Run a coroutine function on a virtual loop of its own, which it gets as its first argument.

    No task and no timer is left of what it does.

    Arguments:
        buffered: whether transports read into buffers that protocols give them.
    """
    loop = flowing_loop()
    loop.buffered = buffered
    try:
        with pytest.MonkeyPatch.context() as patch:
            # When messages are gathered depends on a clock, too.
            patch.setattr(websockets.asyncio.callbacks, "monotonic", loop.time, raising=False)
            result = loop.run_until_complete(function(loop, *args, **kwargs))
        loop.run_until_complete(turns())
        assert not asyncio.all_tasks(loop)
        assert not loop.timers()
        return result
    finally:
        loop.ends.clear()
        loop.laid = None
        loop.close()


def contexts(tls):
    """Return the options of the server and of the client for a pair of TLS contexts, or None."""
    return ({}, {}) if tls is None else ({"ssl": tls[0]}, {"ssl": tls[1]})


def uri_with(tls):
    return f"{'ws' if tls is None else 'wss'}://localhost/client"


class Bytes:
    """What an end says."""

    def __init__(self):
        self.said = bytearray()

    def read(self, data):
        self.said += data

    def end(self):
        """There is no more to come."""


class Had:
    """
    A dialogue that somebody had.

    Attributes:
        code: the client's close code, None if the connection wasn't opened.
        received: the client's messages.
        server_code, server_received: the same of the server.
        up, down: the bytes that the client said, and the server.
        took: seconds.
    """


async def converse(loop, disturb=None, tls=None):
    """
    Have a dialogue, which the client closes.

    Arguments:
        disturb: function that gets the client's end of the network and the server's.
        tls: contexts of the server and of the client.
    """
    up, down = Bytes(), Bytes()

    def laid(accepted, connected):
        accepted.said, connected.said = down, up
        if disturb is not None:
            disturb(connected, accepted)

    loop.laid = laid
    had, received, echo = Had(), [], Echo()
    had.code = None
    server_tls, client_tls = contexts(tls)
    async with websockets.serve(echo, "localhost", 0, **DEADLINES, **server_tls) as server:
        with contextlib.suppress(*NOT_OPENED):
            ws = await websockets.connect(uri_with(tls), **DEADLINES, **client_tls)
            timer = loop.call_later(PATIENCE, ws.fail_connection, 4000)
            outcome = await ended(lead(ws, received))
            timer.cancel()
            await ws.wait_closed()
            had.code = ws.close_code
            assert outcome[1] == had.code
        while server.websockets:
            await asyncio.sleep(1)
    had.received, had.took = received, loop.time()
    had.server_code, had.server_received = echo.codes.get("/client"), echo.received.get("/client")
    had.up, had.down = bytes(up.said), bytes(down.said)
    return had
