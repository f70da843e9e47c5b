"""This library."""

import calling

import websockets
from websockets import version


async def converse(url, tls, message, in_flight, tally):
    async with websockets.connect(url, ssl=tls, compression=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for echo in websocket:
            tally.echoes += 1
            await websocket.send(echo)


calling.run(converse, cywebsockets=getattr(version, "distribution_version", version.version))
