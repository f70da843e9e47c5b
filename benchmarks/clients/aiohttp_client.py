"""aiohttp."""

import aiohttp
import calling


async def converse(url, tls, message, in_flight, tally):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, ssl=tls or True) as websocket:
            send = websocket.send_str if isinstance(message, str) else websocket.send_bytes
            for _ in range(in_flight):
                await send(message)
            async for echo in websocket:
                tally.echoes += 1
                await send(echo.data)


calling.run(converse, "aiohttp")
