"""
A server and a client at work, in two processes on this machine, on both backends.

Run it with ``make demo``, or by hand: it needs the library, and trustme to make a certificate.
Every message that comes back is compared with what was sent. The exit status is 0 only if all were
right. Nothing here is private: what the demo does, a program can do.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import trustme

import websockets
from websockets.version import distribution_version

TIME_LIMIT = 60  # seconds, for each backend
BURST = 10_000  # messages
BURSTS = 3  # the fastest one tells: whatever disturbs a measurement makes it slower

SIZES = [0, 1, 125, 126, 65535, 65536, 2**20]
TEXTS = ["", "Hello!", "Grüße, 世界, здравствуй, 🐍", "ÿ" * 100_000]
BINARIES = [bytes(range(256)) * (size // 256) + b"?" * (size % 256) for size in SIZES]
FRAGMENTED = [["one ", "two ", "", "thrée"], [b"\x00" * 1000, b"\xff" * 70_000, b"", b"end"]]


# The server's process


async def echo(websocket, path):
    async for message in websocket:
        await websocket.send(message)


async def run_server(directory):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    loop = asyncio.get_running_loop()
    async with websockets.serve(echo, "127.0.0.1", 0) as plain:
        async with websockets.serve(echo, "127.0.0.1", 0, ssl=context) as secure:
            servers = {"ws": plain, "wss": secure}
            ports = {name: s.sockets[0].getsockname()[1] for name, s in servers.items()}
            print(json.dumps({"backend": websockets.backend, "ports": ports}), flush=True)
            # The parent closes our standard input when it has seen enough.
            await loop.run_in_executor(None, sys.stdin.read)


# The client's process


async def exchange(websocket, message, expected):
    await websocket.send(message)
    received = await websocket.recv()
    if type(received) is not type(expected) or received != expected:
        raise SystemExit(f"sent {expected[:40]!r}..., received {received[:40]!r}...")


async def burst(websocket):
    """Send many small messages while receiving their echoes; return the number a second."""
    messages = [f"message {i}" for i in range(BURST)]

    async def send():
        for message in messages:
            await websocket.send(message)

    start = time.perf_counter()
    sending = asyncio.ensure_future(send())
    for message in messages:
        received = await websocket.recv()
        if received != message:
            raise SystemExit(f"expected {message!r}, received {received!r}")
    await sending
    return BURST / (time.perf_counter() - start)


async def talk(uri, context, compression):
    """Return how many messages of each kind came back right, and the speed of a burst."""
    options = {"compression": compression, "max_size": max(SIZES)}
    if context is not None:
        options["ssl"] = context
    async with websockets.connect(uri, **options) as websocket:
        agreed = websocket.response_headers.get("Sec-WebSocket-Extensions", "")
        if ("permessage-deflate" in agreed) != (compression is not None):
            raise SystemExit(f"compression should be {compression}, the server said {agreed!r}")
        for text in TEXTS:
            await exchange(websocket, text, text)
        for data in BINARIES:
            await exchange(websocket, data, data)
        for fragments in FRAGMENTED:
            await exchange(websocket, fragments, fragments[0][:0].join(fragments))
        pong = await websocket.ping()
        await pong
        speed = max([await burst(websocket) for _ in range(BURSTS)])
    if websocket.close_code != 1000:
        raise SystemExit(f"the connection closed with code {websocket.close_code}")
    return [len(TEXTS), len(BINARIES), len(FRAGMENTED), BURST * BURSTS, round(speed)]


async def run_client(directory, ports):
    context = ssl.create_default_context(cafile=directory / "authority.pem")
    rows = []
    for scheme in ["ws", "wss"]:
        for compression in [None, "deflate"]:
            uri = f"{scheme}://127.0.0.1:{ports[scheme]}/"
            result = await talk(uri, context if scheme == "wss" else None, compression)
            rows.append([f"{scheme}://", compression or "off", *result])
    print(json.dumps({"backend": websockets.backend, "rows": rows}))


# The parent's process


def show(backend, directory):
    """Run one server and one client; return whether they really ran on that backend."""
    environment = {**os.environ, "WEBSOCKETS_NO_EXTENSIONS": "1" if backend == "pure" else ""}
    command = [sys.executable, __file__, "--directory", str(directory)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with subprocess.Popen([*command, "--role", "server"], **pipes) as server:
        try:
            greeting = server.stdout.readline()
            if not greeting:
                raise SystemExit("the server didn't start")
            hello = json.loads(greeting)
            if hello["backend"] != backend:
                return False
            client = subprocess.run(
                [*command, "--role", "client", "--ports", json.dumps(hello["ports"])],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
                timeout=TIME_LIMIT,
            )
            if client.returncode:
                raise SystemExit("the client failed")
            server.communicate(timeout=TIME_LIMIT)
        finally:
            server.kill()
    if server.returncode:
        raise SystemExit("the server failed")
    report = json.loads(client.stdout)
    assert report["backend"] == backend
    print(f"{backend} backend: every message came back as it was sent\n")
    layout = "  {:<7} {:<11} {:>5} {:>7} {:>11} {:>6} {:>14}"
    print(layout.format("", "compression", "texts", "binary", "fragmented", "bursts", "messages/s"))
    for row in report["rows"]:
        print(layout.format(*row[:-1], f"{row[-1]:,}"))
    print()
    return True


def main():
    parser = argparse.ArgumentParser(description="Show websockets at work on both backends.")
    parser.add_argument("--role", choices=["server", "client"], help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ports", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.role == "server":
        return asyncio.run(run_server(arguments.directory))
    if arguments.role == "client":
        return asyncio.run(run_client(arguments.directory, arguments.ports))

    sys.stdout.reconfigure(line_buffering=True)
    print(f"cywebsockets {distribution_version} on Python {sys.version.split()[0]}\n")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(directory / "authority.pem")
        server = authority.issue_cert("127.0.0.1")
        server.private_key_and_cert_chain_pem.write_to_path(directory / "server.pem")
        if not show("compiled", directory):
            print("The compiled backend isn't there: it wasn't built, most likely for want of a C")
            print("compiler. The library works all the same, more slowly:\n")
        show("pure", directory)
    print(f"texts up to {max(map(len, TEXTS)):,} characters, binary up to {max(SIZES):,} bytes;")
    print(f"a burst is {BURST:,} small messages on one connection, sent without waiting for the")
    print(f"echoes; the speed is that of the fastest of {BURSTS}")


if __name__ == "__main__":
    main()
