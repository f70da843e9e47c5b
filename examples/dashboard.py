"""
A live dashboard, whose page goes on where it was after its server was gone.

    redis-server
    python dashboard.py

Then open http://localhost:8765, kill the server with `kill -9`, and start it again: the page shows
all that was published, also by other servers meanwhile. --clock has it publish the time each
second; whatever else publishes to the topic is shown as well. Needs redis, its package for
Python (pip install cywebsockets[redis]).

A page keeps the position that comes with each event, and gives it back when it connects again.
"""

import argparse
import asyncio
import contextlib
import functools
import http
import json
import time
from pathlib import Path

import websockets
from websockets.topics import BEGINNING, Topics

PAGE = Path(__file__).with_name("dashboard.html").read_bytes()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'",
}


def event(message):
    """Make of a message what a page gets, once for all pages."""
    return json.dumps({"position": message.position, "data": message.data})


def missed(gap):
    """Tell a page that it has missed something."""
    return json.dumps({"missed": gap.reason})


async def show(topics, websocket):
    """Send a page what it hasn't got, and then each event as it happens."""
    since = await websocket.recv() or BEGINNING
    await topics.subscribe(websocket, "dashboard", since=since, transform=event, gap=missed)
    await websocket.wait_closed()


async def tick(topics):
    """Publish the time each second."""
    while True:
        await topics.publish("dashboard", time.strftime("%H:%M:%S"))
        await asyncio.sleep(1)


def serve_page(path, headers):
    """Answer what isn't a WebSocket as a web server does; None lets the handshake go on."""
    if "Upgrade" in headers:
        return None
    if path == "/":
        return http.HTTPStatus.OK, PAGE_HEADERS, PAGE
    return http.HTTPStatus.NOT_FOUND, {}, b"There is nothing here.\n"


async def main(port, url, clock):
    async with Topics(url) as topics:
        handler = functools.partial(show, topics)
        async with websockets.serve(handler, "localhost", port, process_request=serve_page):
            print(f"Open http://localhost:{port}", flush=True)
            await (tick(topics) if clock else asyncio.Future())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A dashboard that misses nothing.")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--redis", metavar="URL", default="redis://localhost")
    parser.add_argument("--clock", action="store_true", help="publish the time each second")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(arguments.port, arguments.redis, arguments.clock))
