"""Bytes without frames, by a Protocol: what the event loop itself takes."""

import asyncio
from urllib.parse import urlsplit

import calling


class Echoes(asyncio.Protocol):
    def __init__(self, size, tally):
        self.size, self.tally, self.received = size, tally, 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += len(data)
        echoes, self.received = divmod(self.received, self.size)
        self.tally.echoes += echoes
        self.transport.write(data)


async def converse(url, tls, message, in_flight, tally):
    data = message.encode() if isinstance(message, str) else message
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    transport, _ = await loop.create_connection(
        lambda: Echoes(len(data), tally), parts.hostname, parts.port, ssl=tls
    )
    for _ in range(in_flight):
        transport.write(data)
    await loop.create_future()


calling.run(converse)
