"""
Proxies that listen on this machine: HTTP's CONNECT, and SOCKS.

Owns both conversations, written byte by byte. Must never know what goes through them. Wherever a
client wants to go, it is led to one port of this machine.
"""

import asyncio
import contextlib
import struct

from peer import port_of

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """
    A proxy.

    Arguments:
        target: port that all tunnels lead to.
        ssl: context for TLS with clients.

    Attributes:
        seen: what clients asked for.
        ended: how many clients have ended their connections.
    """

    def __init__(self, target, ssl=None):
        self.target = target
        self.ssl = ssl
        self.seen = []
        self.ended = 0
        self._tasks = set()

    @property
    def host(self):
        return f"localhost:{self.port}"

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.ssl)
        self.port = port_of(self._server)
        return self

    async def __aexit__(self, *exc_info):
        self._server.close()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                if await self.negotiate(reader, writer):
                    await self._relay(reader, writer)
                await reader.read()
            self.ended += 1
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _relay(self, reader, writer):
        onward = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(copy(reader, onward[1]), copy(onward[0], writer))

    async def negotiate(self, reader, writer):
        """Talk to a client; return whether it gets a tunnel."""
        raise NotImplementedError


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


class HTTPProxy(Proxy):
    """
    A proxy that takes CONNECT.

    Arguments:
        response: what it answers; without a status of success there is no tunnel.
    """

    def __init__(self, target, response=ESTABLISHED, ssl=None):
        super().__init__(target, ssl)
        self.response = response

    async def negotiate(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.seen.append(head.decode().split("\r\n")[:-2])
        writer.write(self.response)
        if self.response == b"":
            return False
        if b"\r\n\r\n" not in self.response:
            writer.close()
        return self.response.startswith(b"HTTP/1.1 2")


class SOCKSProxy(Proxy):
    """
    A proxy that speaks SOCKS 4, 4a and 5.

    Arguments:
        credentials: user and password that it wants, for version 5.
        refuses: whether it refuses to connect.
    """

    def __init__(self, target, credentials=None, refuses=False):
        super().__init__(target)
        self.credentials = credentials
        self.refuses = refuses

    async def negotiate(self, reader, writer):
        version = (await reader.readexactly(1))[0]
        if version == 4:
            return await self.negotiate4(reader, writer)
        return await self.negotiate5(reader, writer)

    async def negotiate4(self, reader, writer):
        command, port, address = struct.unpack("!BH4s", await reader.readexactly(7))
        user = (await reader.readuntil(b"\0"))[:-1]
        host = ".".join(map(str, address))
        if address[:3] == b"\0\0\0":
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        self.seen.append((4, host, port, user.decode()))
        writer.write(struct.pack("!BBH4s", 0, 91 if self.refuses else 90, 0, bytes(4)))
        return not self.refuses

    async def negotiate5(self, reader, writer):
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        user = None
        if self.credentials is None:
            writer.write(b"\x05\x00")
        elif 2 not in methods:
            writer.write(b"\x05\xff")
            return False
        else:
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            user = (await self.text(reader), await self.text(reader))
            writer.write(b"\x01\x00" if user == self.credentials else b"\x01\x01")
            if user != self.credentials:
                return False
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = await self.text(reader)
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.seen.append((5, host, port, user))
        writer.write(b"\x05" + (b"\x05" if self.refuses else b"\x00") + b"\x00\x01" + bytes(6))
        return not self.refuses

    async def text(self, reader):
        return (await reader.readexactly((await reader.readexactly(1))[0])).decode()
