"""
A number that all connections share: each adds to it, and all see the sum.

    python counter.py

Then start this in two terminals, and type numbers:

    python -m websockets ws://localhost:8765
"""

import asyncio
import contextlib

import websockets

total = 0
connections = set()


def show(receivers):
    websockets.broadcast(receivers, f"{total} with {len(connections)} connected")


async def count(websocket):
    global total
    connections.add(websocket)
    show(connections)
    try:
        async for message in websocket:
            # All handlers take turns in one thread: nobody else adds between these lines.
            try:
                total += int(message)
            except ValueError:
                await websocket.send("That isn't a number.")
            else:
                show(connections)
    finally:
        connections.remove(websocket)
        show(connections)


async def main():
    async with websockets.serve(count, "localhost", 8765):
        print("Counting at ws://localhost:8765", flush=True)
        await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
