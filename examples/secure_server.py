"""
A server with TLS, for wss:// URIs.

    python -m trustme  (once: makes a certificate for localhost; pip install trustme)
    python secure_server.py

Its client is secure_client.py. A server that the world can reach gets its certificate from an
authority that the world knows, such as Let's Encrypt.
"""

import asyncio
import contextlib
import ssl

import websockets


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    async with websockets.serve(echo, "localhost", 8765, ssl=context):
        print("Listening at wss://localhost:8765", flush=True)
        await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
