"""
A Redis server that a test starts, and the network before it: cut, stalled, refused.

Redis comes from its program, see :mod:`programs`; the network is of this machine, made of the ways
of :mod:`proxy`. A server that is started again in the same directory has its data, unless they are
removed.
"""

import asyncio
import contextlib
import itertools
import signal
import subprocess

import pytest
from programs import DEADLINE, free_port, line_with, need
from proxy import Way, lose_all, reset

from websockets.topics import Topics


class Redis:
    """
    A server, with a directory for its data.

    Attributes:
        port: where it listens whenever it runs.
        options: what else it is started with.
    """

    def __init__(self, directory):
        pytest.importorskip("redis.asyncio")
        self.program = need("redis-server")
        self.directory = directory
        self.port = free_port()
        self.process = None
        self.options = {"bind": "127.0.0.1", "dir": directory, "save": ""}
        self.options.update(appendonly="yes", appendfsync="no")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    async def start(self):
        options = {"port": self.port, **self.options}
        words = [str(word) for name in options for word in (f"--{name}", options[name])]
        self.process = await asyncio.create_subprocess_exec(
            self.program, *words, stdout=asyncio.subprocess.PIPE
        )
        await line_with(self.process.stdout, "Ready to accept connections")

    async def kill(self):
        """End it as a loss of power does, but for what it has written."""
        if self.process is not None:
            process, self.process = self.process, None
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await asyncio.wait_for(process.communicate(), DEADLINE)

    def forget(self):
        """Remove its data, while it doesn't run."""
        for path in sorted(self.directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    async def command(self, *words):
        """Have it carry out a command of somebody else."""
        from redis.asyncio import Redis as Client

        async with Client(port=self.port) as client:
            return await client.execute_command(*words)


@contextlib.asynccontextmanager
async def redis_server(directory):
    """A server that runs, for the time being."""
    server = Redis(directory)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


class Network:
    """
    The network between processes and a server.

    Attributes:
        url: where the server is, from this side of it.
        lost: called with the way from the server of each connection that is made, and the way to it.
        open: whether connections can be made.
    """

    def __init__(self, port):
        self.port = port
        self.links = []
        self.open = True
        self.laid = lambda down, up: None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}"

    def cut(self):
        """Reset all connections that there are."""
        for up, _ in self.links:
            if not up.stopped:
                reset(up)

    def stall(self):
        """Let nothing through on the connections that there are, and tell nobody."""
        for up, _ in self.links:
            lose_all(up)


class Accepted(Way):
    """The way of a client's bytes, which waits until there is a way on."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.back = down = Way()
        down.back = self
        self.early = bytearray()
        self.laying = None
        self.left = False

    def connection_made(self, transport):
        super().connection_made(transport)
        if not self.network.open:
            self.stopped = True
            transport.abort()
            return
        self.network.links.append((self, self.back))
        self.laying = asyncio.get_running_loop().create_task(self.lay())

    async def lay(self):
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.back, "127.0.0.1", self.network.port)
        except OSError:
            self.stopped = True
            self.transport.abort()
            return
        self.network.laid(self.back, self)
        early, self.early = self.early, None
        if early:
            super().data_received(bytes(early))
        if self.left:
            super().eof_received()

    def data_received(self, data):
        if self.early is None:
            super().data_received(data)
        else:
            self.early += data

    def eof_received(self):
        if self.early is not None:
            self.left = True
            return True
        return super().eof_received()

    def connection_lost(self, exc):
        self.gone.set()
        if not self.stopped and hasattr(self.back, "transport"):
            self.back.transport.close()


@contextlib.asynccontextmanager
async def network(port):
    """A network before a port of this machine."""
    net = Network(port)
    loop = asyncio.get_running_loop()
    net.listening = await loop.create_server(lambda: Accepted(net), "127.0.0.1", 0)
    try:
        yield net
    finally:
        net.listening.close()
        for up, down in net.links:
            await up.laying
            for way in (up, down):
                way.stopped = True
                if hasattr(way, "transport"):
                    way.transport.abort()
                    await way.gone.wait()
        await net.listening.wait_closed()


@contextlib.contextmanager
def running(directory):
    """Run a server that keeps nothing, for many tests; the value is its URL."""
    port = free_port()
    command = [need("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if "Ready to accept connections" in line:
                    break
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()


NUMBERS = itertools.count()


@contextlib.asynccontextmanager
async def topics_in(place, url, count=1, **options):
    """Topics as so many processes have them: "embedded" in one, or on "redis" in several."""
    async with contextlib.AsyncExitStack() as stack:
        if place == "embedded":
            topics = await stack.enter_async_context(Topics(**options))
            yield [topics] * count
        else:
            # Other tests have the same server.
            prefix = f"test {next(NUMBERS)}"
            yield [
                await stack.enter_async_context(Topics(url, prefix=prefix, **options))
                for _ in range(count)
            ]


everywhere = pytest.mark.parametrize("place", ["embedded", "redis"])
