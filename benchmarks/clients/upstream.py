"""websockets, the distribution of that name, with its own API for asyncio."""

import calling

from websockets.asyncio import client


async def converse(url, tls, message, in_flight, tally):
    async with client.connect(url, ssl=tls, compression=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for echo in websocket:
            tally.echoes += 1
            await websocket.send(echo)


calling.run(converse, "websockets")
