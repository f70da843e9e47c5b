import asyncio

import websockets


async def main():
    async with websockets.connect("ws://localhost:8765") as websocket:
        await websocket.send("Hello!")
        print(await websocket.recv())


asyncio.run(main())
