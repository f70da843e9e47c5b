"""
The peer ws, which runs on Node.js: one process of node/peer.js has all of its ends.

An end gets commands and tells events by lines of JSON, on a TCP connection of its own to the process.
"""

import asyncio
import atexit
import base64
import contextlib
import functools
import json
import shutil
import subprocess
from pathlib import Path

from .end import TIME_LIMIT, End, Listening

DIRECTORY = Path(__file__).parent / "node"
LONGEST_LINE = 2**23  # bytes; a message of 1 MiB may have 6 for each of its own in JSON


def missing():
    """Return the reason why this peer can't be had, None if it can."""
    if shutil.which("node") is None:
        return "Node.js isn't installed"
    if not (DIRECTORY / "node_modules/ws").exists():
        return "the ws library isn't in tests/support/peers/node: run make node-peer"
    return None


@functools.lru_cache(maxsize=None)
def control_port():
    """Start the process, unless it has been; it ends with this one. Return its port."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(["node", "peer.js"], cwd=DIRECTORY, stdin=pipe, stdout=pipe)

    atexit.register(process.communicate)
    return int(process.stdout.readline())


class NodeEnd(End):
    abilities = frozenset(
        {
            "compression",
            "no context takeover",
            "fragments",
            "pings in compressed messages",
            "closing without a code",
        }
    )

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def opened(self):
        """Wait until the opening handshake is complete."""
        event = await self.next("open")
        self.headers = event["headers"]
        self.subprotocol = event["subprotocol"] or None
        self.compressed = "permessage-deflate" in event["extensions"]
        return self

    async def send(self, message):
        await self.send_fragment(message, first=True, final=True)

    async def send_fragment(self, fragment, *, first, final):
        await self.command("send", final=final, **pack(fragment))

    async def recv(self):
        event = await self.next("message")
        return event["text"] if "text" in event else base64.b64decode(event["binary"])

    async def ping(self, payload):
        await self.command("ping", **pack(payload))

    async def pong(self):
        return base64.b64decode((await self.next("pong"))["binary"])

    async def close(self, code, reason):
        if code is None:
            await self.command("close")
        else:
            await self.command("close", code=code, reason=reason)
        return (await self.next("close"))["code"]

    async def closed(self):
        event = await self.next("close")
        return event["code"], event["reason"]

    async def drop(self):
        """End the control connection, which tells the process to; it ends it when that is done."""
        if self.writer.is_closing():
            return
        with contextlib.suppress(ConnectionError):
            self.writer.write_eof()
            await asyncio.wait_for(self.reader.read(), TIME_LIMIT)
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def command(self, command, **details):
        line = json.dumps({"command": command, **details})
        self.writer.write(line.encode() + b"\n")
        await self.writer.drain()

    async def next(self, name):
        event = json.loads(await self.reader.readline() or '{"event": "the process ended"}')
        assert event["event"] == name, event
        return event


def pack(data):
    if isinstance(data, str):
        return {"text": data}
    return {"binary": base64.b64encode(data).decode()}


async def start(role, wishes, **details):
    streams = await asyncio.open_connection("127.0.0.1", control_port(), limit=LONGEST_LINE)
    end = NodeEnd(*streams)
    wishes = {**wishes._asdict(), **details, "role": role}
    del wishes["certificates"]
    end.writer.write(json.dumps(wishes).encode() + b"\n")
    return end


async def connect(uri, wishes):
    pem = {}
    if wishes.certificates:
        pem["ca"] = wishes.certificates.authority.cert_pem.bytes().decode()
    end = await start("client", wishes, uri=uri, **pem)
    try:
        return await end.opened()
    except BaseException:
        await end.drop()
        raise


@contextlib.asynccontextmanager
async def serve(wishes):
    pem = {}
    if wishes.certificates:
        certificate = wishes.certificates.certificate
        pem["key"] = certificate.private_key_pem.bytes().decode()
        pem["cert"] = b"".join(blob.bytes() for blob in certificate.cert_chain_pems).decode()
    end = await start("server", wishes, **pem)
    try:
        yield Listening((await end.next("listening"))["port"], end.opened)
    finally:
        await end.drop()
