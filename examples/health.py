"""
A server that tells a load balancer how it is, on the port of its WebSockets.

    python health.py

It echoes at ws://localhost:8765, and answers to plain HTTP:

    curl -i http://localhost:8765/health
"""

import asyncio
import contextlib
import http

import websockets


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


def check_health(path, headers):
    """Answer the load balancer; None lets the handshake of everybody else go on."""
    if path == "/health":
        return http.HTTPStatus.OK, {"Cache-Control": "no-store"}, b"OK\n"
    return None


async def main():
    async with websockets.serve(echo, "localhost", 8765, process_request=check_health):
        print("Healthy at http://localhost:8765/health", flush=True)
        await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
