"""This library, by the API of today."""

import calling

from websockets.asyncio.client import connect
from websockets.version import distribution_version


async def converse(url, tls, message, in_flight, tally):
    async with connect(url, ssl=tls, compression=None, proxy=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for echo in websocket:
            tally.echoes += 1
            await websocket.send(echo)


calling.run(converse, cywebsockets=distribution_version)
