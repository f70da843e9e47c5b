"""
The peer websocket-client: a client that blocks, each of its calls in a thread.

It doesn't compress.
"""

import asyncio

import websocket
from websocket import ABNF

from .end import TIME_LIMIT, End


async def in_thread(function, *args, **kwargs):
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, lambda: function(*args, **kwargs))


class WebSocketClientEnd(End):
    abilities = frozenset({"fragments", "closing without a code"})
    echoes_close = False

    def __init__(self, connection):
        self.connection = connection
        self.headers = connection.getheaders()
        self.subprotocol = connection.getsubprotocol()
        self.compressed = "sec-websocket-extensions" in self.headers

    async def send(self, message):
        await self.send_fragment(message, first=True, final=True)

    async def send_fragment(self, fragment, *, first, final):
        opcode = ABNF.OPCODE_BINARY
        if isinstance(fragment, str):
            # It encodes texts only for frames with the opcode of texts.
            opcode, fragment = ABNF.OPCODE_TEXT, fragment.encode()
        if not first:
            opcode = ABNF.OPCODE_CONT
        frame = ABNF.create_frame(fragment, opcode, int(final))
        await in_thread(self.connection.send_frame, frame)

    async def recv(self):
        opcode, payload = await self.next(ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY)
        return payload.decode() if opcode == ABNF.OPCODE_TEXT else payload

    async def ping(self, payload):
        await in_thread(self.connection.ping, payload)

    async def pong(self):
        return (await self.next(ABNF.OPCODE_PONG))[1]

    async def close(self, code, reason):
        if code is None:
            await in_thread(self.connection.send, b"", ABNF.OPCODE_CLOSE)
        else:
            await in_thread(self.connection.send_close, code, reason.encode())
        # recv_data() would answer the answer.
        frame = await in_thread(self.connection.recv_frame)
        assert frame.opcode == ABNF.OPCODE_CLOSE
        await self.drop()
        return parse_close(frame.data)[0]

    async def closed(self):
        _, payload = await self.next(ABNF.OPCODE_CLOSE)
        return parse_close(payload)

    async def drop(self):
        self.connection.abort()  # wakes a thread that is reading
        self.connection.shutdown()

    async def next(self, *opcodes):
        opcode = None
        while opcode in (None, ABNF.OPCODE_PING):  # which it has answered
            opcode, payload = await in_thread(self.connection.recv_data, control_frame=True)
        assert opcode in opcodes, (opcode, payload)
        return opcode, payload


def parse_close(payload):
    return int.from_bytes(payload[:2], "big") if payload else 1005, payload[2:].decode()


async def connect(uri, wishes):
    connection = await in_thread(
        websocket.create_connection,
        uri,
        timeout=TIME_LIMIT,
        subprotocols=wishes.subprotocols,
        header=dict(wishes.headers),
        sslopt={"context": wishes.certificates.client_context()} if wishes.certificates else None,
    )
    return WebSocketClientEnd(connection)
