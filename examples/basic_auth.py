"""
A server that asks for a name and a password (HTTP Basic authentication).

    python basic_auth.py

With them in the URI a client is let in, and greeted; without them it gets 401 Unauthorized:

    python -m websockets ws://ada:countess@localhost:8765
    python -m websockets ws://localhost:8765

The password travels as it is: where others can listen, use wss:// (see secure_server.py).
"""

import asyncio
import contextlib
import hashlib
import hmac

import websockets

SALT = bytes.fromhex("4c6f76656c616365")  # for each user another, from os.urandom()


def digest(password):
    return hashlib.scrypt(password.encode(), salt=SALT, n=2**14, r=8, p=1)


# What is kept of a password shouldn't tell it.
passwords = {"ada": digest("countess")}


async def check(username, password):
    # Computed in a thread, because it takes a while on purpose, and for unknown users as well.
    found = await asyncio.get_running_loop().run_in_executor(None, digest, password)
    return hmac.compare_digest(passwords.get(username, b""), found)


async def greet(websocket):
    await websocket.send(f"Hello, {websocket.username}!")


async def main():
    protocol = websockets.basic_auth_protocol_factory("example", check_credentials=check)
    async with websockets.serve(greet, "localhost", 8765, create_protocol=protocol):
        print("Asking for a password at ws://localhost:8765", flush=True)
        await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
