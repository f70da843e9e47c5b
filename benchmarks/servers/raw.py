"""Bytes sent back as they come, by a Protocol: what the event loop itself takes."""

import asyncio

import serving

connections = set()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Broadcast(Echo):
    def connection_made(self, transport):
        connections.add(transport)

    def data_received(self, data):
        for transport in connections:
            transport.write(data)


async def start(options, sock):
    factory = {"echo": Echo, "broadcast": Broadcast}[options.kind]
    loop = asyncio.get_running_loop()
    return await loop.create_server(factory, sock=sock, ssl=serving.tls(options))


serving.run(start)
