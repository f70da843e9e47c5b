"""
The time, told every second to everybody who is connected.

    python ticker.py

Connect as often as you like; all hear the same at the same moment:

    python -m websockets ws://localhost:8765
"""

import asyncio
import contextlib
import time

import websockets


async def listen(websocket):
    """Hold a connection open; what its client says isn't heard."""
    await websocket.wait_closed()


async def tick(server):
    while True:
        # The message is framed and compressed once for all, and nobody waits for a slow connection.
        websockets.broadcast(server.connections, time.strftime("%H:%M:%S"))
        await asyncio.sleep(1 - time.time() % 1)  # until the next second begins


async def main():
    async with websockets.serve(listen, "localhost", 8765) as server:
        print("Ticking at ws://localhost:8765", flush=True)
        await tick(server)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
