"""
A client with TLS, for secure_server.py.

    python secure_client.py

It says how the connection is encrypted, and prints what comes back. It trusts the authority that
made the server's certificate, and no other; a server that the world knows needs no context.
"""

import asyncio
import ssl

import websockets


async def main():
    context = ssl.create_default_context(cafile="client.pem")
    async with websockets.connect("wss://localhost:8765", ssl=context) as websocket:
        cipher, protocol, _ = websocket.transport.get_extra_info("cipher")
        print(f"{protocol}, {cipher}")
        await websocket.send("Hello!")
        print(await websocket.recv())


if __name__ == "__main__":
    asyncio.run(main())
