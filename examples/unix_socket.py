"""
A server and a client that meet at a file instead of a port.

    python unix_socket.py

It prints what comes back. Who may connect is a matter of the file's permissions; a reverse proxy on
the same machine is a usual client. Needs Unix.
"""

import asyncio
import tempfile
from pathlib import Path

import websockets


async def shout(websocket):
    async for message in websocket:
        await websocket.send(message.upper())


async def main():
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "socket")
        async with websockets.unix_serve(shout, path):
            # The name in the URI is for the Host header: it isn't looked up.
            async with websockets.unix_connect(path, "ws://localhost/") as websocket:
                await websocket.send("Hello!")
                print(await websocket.recv())


if __name__ == "__main__":
    asyncio.run(main())
