"""
A chat for browsers, whose page comes from the same port as its messages.

    python chat.py

Then open http://localhost:8765 in two tabs, and talk to yourself. Ctrl-C ends it.

What a page sends is text: first a name, then everything that is said under it. What it gets is
JSON: first what was said before, and from then on each event as it happens.
"""

import asyncio
import collections
import contextlib
import http
import json
import time
from pathlib import Path

import websockets

PAGE = Path(__file__).with_name("chat.html").read_bytes()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # The page has all it needs, and loads nothing from elsewhere.
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src data:;"
    " style-src 'unsafe-inline'; script-src 'unsafe-inline'",
}

LONGEST_NAME = 30  # characters
LARGEST_MESSAGE = 4096  # bytes

people = {}  # each connection, and the name of who is there
history = collections.deque(maxlen=100)  # the latest events


def tell(name, **event):
    """Tell everybody what somebody does."""
    event = {"time": time.time(), "people": len(people), "name": name, **event}
    history.append(event)
    websockets.broadcast(people, json.dumps(event))


async def chat(websocket):
    """Let somebody in, pass on what they say, and tell when they leave."""
    name = str(await websocket.recv()).strip()[:LONGEST_NAME] or "Somebody"
    # Nothing here waits, so that no event gets lost between the old ones and the new ones.
    websockets.broadcast([websocket], json.dumps({"history": list(history)}))
    people[websocket] = name
    tell(name, did="joined")
    try:
        async for text in websocket:
            tell(name, said=str(text))
    finally:
        del people[websocket]
        tell(name, did="left")


def serve_page(path, headers):
    """Answer what isn't a WebSocket as a web server does; None lets the handshake go on."""
    if "Upgrade" in headers:
        return None
    if path == "/":
        return http.HTTPStatus.OK, PAGE_HEADERS, PAGE
    return http.HTTPStatus.NOT_FOUND, {}, b"There is nothing here.\n"


async def main():
    options = {"process_request": serve_page, "max_size": LARGEST_MESSAGE}
    async with websockets.serve(chat, "localhost", 8765, **options):
        print("Open http://localhost:8765", flush=True)
        await asyncio.Future()  # serve until the program is interrupted


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
