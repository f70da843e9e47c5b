"""
A server that leaves nobody in the middle of something when it is told to end.

    python shutdown.py

Connect with ``python -m websockets ws://localhost:8765``, type a line, and send the server SIGTERM
within a second, as systemd, Docker and Kubernetes do, or press Ctrl-C. The line is still answered;
then everybody gets close code 1001 (going away), and the server ends. Needs Unix.
"""

import asyncio
import signal

import websockets

PATIENCE = 10  # seconds for what has begun

idle = set()  # connections that are waiting for a message


async def work(websocket, told):
    while not told.is_set():
        idle.add(websocket)
        try:
            message = await websocket.recv()
        finally:
            idle.remove(websocket)
        await asyncio.sleep(1)  # something that takes its time
        await websocket.send(f"done: {message}")
    await websocket.close(1001)


async def main():
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)

    async with websockets.serve(lambda ws: work(ws, told), "localhost", 8765) as server:
        print("Working at ws://localhost:8765", flush=True)
        await told.wait()
        busy = server.connections - idle
        print(f"Finishing what {len(busy)} of {len(server.connections)} wait for", flush=True)
        await asyncio.gather(*[websocket.close(1001) for websocket in idle])
        if busy:
            tasks = [asyncio.ensure_future(websocket.wait_closed()) for websocket in busy]
            await asyncio.wait(tasks, timeout=PATIENCE)
    # Here the server has closed what was left.
    print("Finished")


if __name__ == "__main__":
    asyncio.run(main())
