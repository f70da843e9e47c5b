"""
The time that connecting may take: one limit for the way to the server, TLS, redirects and handshake.

The network is in memory, and slow; its clock goes on only when nothing else happens.
"""

import asyncio

import pytest
from virtual import VirtualLoop

import websockets


class SlowLoop(VirtualLoop):
    """
    A loop that carries bytes by itself.

    Arguments:
        way: seconds until there is a connection, as names are looked up and TCP is opened.
        step: seconds that bytes take to the other end.
        most: how many times bytes are carried; then the network is silent.
    """

    def __init__(self, way=0.0, step=0.0, most=1_000_000):
        super().__init__()
        self.way, self.step, self.most = way, step, most
        self.capacity = 1_000_000

    async def create_connection(self, factory, host, port, **options):
        await asyncio.sleep(self.way)
        return await super().create_connection(factory, host, port, **options)

    def idle(self, timeout):
        if self.most > 0 and any(end.carry() for end in self.ends):
            self.most -= 1
            self.now += self.step
        else:
            super().idle(timeout)


def play(loop, scene, *arguments):
    """Run a scene, and check that it leaves nothing that will happen."""

    async def run():
        outcome = await scene(*arguments)
        # TLS waits for the last of its courtesies.
        while any(not end.lost for end in loop.ends):
            await asyncio.sleep(1)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert not tasks, "a task is left"
        assert not loop.timers(), "a timer is left"
        return outcome

    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def serving(certificates, **options):
    if certificates is not None:
        options["ssl"] = certificates.server_context()
    return websockets.serve(echo, "memory", 1, close_timeout=1, **options)


async def echo(ws, path):
    async for message in ws:
        await ws.send(message)


async def time_to_fail(certificates, exception, **options):
    """Connect; return the time when that fails."""
    scheme = "ws" if certificates is None else "wss"
    if certificates is not None:
        options.setdefault("ssl", certificates.client_context())
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(exception) as raised:
        await websockets.connect(f"{scheme}://localhost:1", close_timeout=1, **options)
    assert raised.type is exception
    return loop.time() - start


async def redirecting(path, headers):
    await asyncio.sleep(2)
    return 302, {"Location": "/again"}, b""


both_ways = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@both_ways
@pytest.mark.parametrize("open_timeout", [1, 7, 10])
def test_one_limit_for_all_redirects(open_timeout, tls, certificates):
    certificates = certificates if tls else None

    async def scene():
        async with serving(certificates, process_request=redirecting):
            return await time_to_fail(certificates, asyncio.TimeoutError, open_timeout=open_timeout)

    # A redirect takes three seconds and more.
    assert play(SlowLoop(way=1), scene) == open_timeout


@both_ways
def test_without_a_limit_the_number_of_redirects_is_one(tls, certificates):
    certificates = certificates if tls else None

    async def scene():
        async with serving(certificates, process_request=redirecting):
            return await time_to_fail(certificates, websockets.SecurityError, open_timeout=None)

    assert play(SlowLoop(way=1), scene) == 10 * (1 + 2)


@both_ways
def test_a_network_that_falls_silent_at_any_step(tls, certificates):
    certificates = certificates if tls else None

    async def scene():
        async with serving(certificates, open_timeout=20):
            return await time_to_fail(certificates, asyncio.TimeoutError, open_timeout=5)

    # After the last of these steps the connection is open.
    steps = 0
    while steps < (4 if tls else 2):
        assert play(SlowLoop(way=1, most=steps), scene) == 5
        steps += 1


@pytest.mark.parametrize(
    "limits, exception, seconds",
    [
        ({"ssl_handshake_timeout": 3, "open_timeout": 5}, ConnectionAbortedError, 1 + 3),
        ({"ssl_handshake_timeout": 3, "open_timeout": None}, ConnectionAbortedError, 1 + 3),
        ({"ssl_handshake_timeout": 9, "open_timeout": 5}, asyncio.TimeoutError, 5),
        ({"open_timeout": 90}, ConnectionAbortedError, 1 + 60),
    ],
)
def test_a_limit_for_the_tls_handshake_within_that_for_all(
    limits, exception, seconds, certificates
):
    async def scene():
        async with serving(certificates, open_timeout=200):
            return await time_to_fail(certificates, exception, **limits)

    assert play(SlowLoop(way=1, most=1), scene) == seconds
