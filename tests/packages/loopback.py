"""
What the programs in this folder share: scenarios with a limit on time, and peers to talk to.

Owns the report of a program: a line for each scenario, and a last one that counts them. Knows no
package. Key decision: nothing leaves this machine, so an address that isn't a loopback one, and a
name that stands for anything else, is an error where Python is asked for it.
"""

import asyncio
import contextlib
import importlib.util
import ipaddress
import json
import os
import signal
import sys
import traceback
from pathlib import Path

import websockets

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 20  # seconds for a scenario

scenarios = []


def scenario(function):
    """Register a function or a coroutine function, which fails if it raises or takes too long."""
    scenarios.append(function)
    return function


def needs(module):
    """Mark a scenario that is skipped as long as there is no such module of ``websockets``."""

    def mark(function):
        if importlib.util.find_spec(module) is None:
            function.skipped = f"there is no {module}"
        return function

    return mark


@contextlib.asynccontextmanager
async def serving(handler, **options):
    """
    Serve today's handler, and give the address as ``ws://127.0.0.1:PORT``.

    What a handler raises fails the scenario, except for the end of its connection.
    """
    from websockets.asyncio.server import serve

    failures = []

    async def watched(connection):
        try:
            await handler(connection)
        except websockets.ConnectionClosed:
            pass
        except Exception as exc:
            failures.append(exc)
            raise

    async with serve(watched, "127.0.0.1", 0, **options) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    if failures:
        raise failures[0]


@contextlib.asynccontextmanager
async def answering(answers):
    """
    Serve HTTP for what a package asks before it connects; give the address as ``http://...``.

    ``answers`` maps paths to what is sent as JSON, or to a function that returns it.
    """

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "\r\ncontent-length: " in head:
            await reader.readexactly(int(head.partition("\r\ncontent-length: ")[2].split()[0]))
        found = answers[head.split()[1].partition("?")[0]]
        body = json.dumps(found() if callable(found) else found).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class raises:
    """Expect an exception in the block, and keep it as ``exception``."""

    def __init__(self, *exceptions):
        self.exceptions = exceptions

    def __enter__(self):
        return self

    def __exit__(self, kind, value, where):
        assert kind is not None, f"nothing was raised, instead of {self.exceptions}"
        self.exception = value
        return issubclass(kind, self.exceptions)


def refusing(status):
    """Make a ``process_request`` that answers with this status."""

    def process_request(connection, request):
        return connection.respond(status, "refused")

    return process_request


def only_loopback(event, args):
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
    elif event == "socket.getaddrinfo":
        host = args[0] or "127.0.0.1"
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise RuntimeError(f"{event}: {host} isn't on this machine")


def too_long(signum, frame):
    raise TimeoutError(f"took more than {LIMIT} seconds")


async def within_limit(function):
    await asyncio.wait_for(function(), LIMIT)


def run(function):
    if asyncio.iscoroutinefunction(function):
        asyncio.run(within_limit(function))
        return
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    try:
        function()
    finally:
        signal.alarm(0)


def outcome(function):
    """Run a scenario; return "passed", "failed" or "skipped"."""
    if hasattr(function, "skipped"):
        print(function.skipped)
        return "skipped"
    try:
        run(function)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return "failed"
    return "passed"


def main():
    """Run the scenarios, or those that the command line names, and exit with 1 if one fails."""
    names = sys.argv[1:]
    if "WEBSOCKETS_DISTRIBUTION" not in os.environ:
        assert Path(websockets.__file__).parent == ROOT / "websockets", websockets.__file__
    sys.addaudithook(only_loopback)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for function in scenarios:
        if not names or function.__name__ in names:
            result = outcome(function)
            counts[result] += 1
            print(f"{function.__name__}: {result}", flush=True)
    backend = getattr(websockets, "backend", "another")
    print(f"{backend}:", ", ".join(f"{count} {name}" for name, count in counts.items() if count))
    sys.stdout.flush()
    # Some packages leave threads behind that never end.
    os._exit(counts["failed"] > 0)
