"""picows.websockets, the compatibility API of picows."""

import calling
from picows import websockets


async def converse(url, tls, message, in_flight, tally):
    async with websockets.connect(url, ssl=tls, compression=None) as websocket:
        for _ in range(in_flight):
            await websocket.send(message)
        async for echo in websocket:
            tally.echoes += 1
            await websocket.send(echo)


calling.run(converse, "picows", "aiofastnet")
