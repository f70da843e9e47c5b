"""The peer aiohttp: a client and a server, both in the event loop of the test."""

import asyncio
import contextlib

import aiohttp
from aiohttp import web

from .end import End, Listening

TEXT, BINARY = aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY
PING, PONG, CLOSE = aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG, aiohttp.WSMsgType.CLOSE


class AiohttpEnd(End):
    abilities = frozenset({"compression", "living without subprotocol"})
    # Older ones take the rest of the message as it is after the ping.
    if tuple(map(int, aiohttp.__version__.split(".")[:2])) >= (3, 14):
        abilities |= {"pings in compressed messages"}
    echoes_close = False

    def __init__(self, websocket, subprotocol, headers, end_tcp):
        self.websocket = websocket
        self.subprotocol = subprotocol
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.compressed = bool(websocket.compress)
        self.end_tcp = end_tcp

    async def send(self, message):
        if isinstance(message, str):
            await self.websocket.send_str(message)
        else:
            await self.websocket.send_bytes(message)

    async def recv(self):
        return (await self.next(TEXT, BINARY)).data

    async def ping(self, payload):
        await self.websocket.ping(payload)

    async def pong(self):
        return bytes((await self.next(PONG)).data)

    async def close(self, code, reason):
        await self.websocket.close(code=code, message=reason.encode())
        return self.websocket.close_code

    async def closed(self):
        message = await self.next(CLOSE)
        return message.data, message.extra

    async def drop(self):
        await self.end_tcp()

    async def next(self, *kinds):
        message = await self.websocket.receive()
        while message.type is PING:
            await self.websocket.pong(message.data)
            message = await self.websocket.receive()
        assert message.type in kinds, message
        return message


async def connect(uri, wishes):
    headers = {}

    async def keep_headers(session, context, params):
        headers.update(params.response.headers)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(keep_headers)
    session = aiohttp.ClientSession(trace_configs=[trace])
    try:
        websocket = await session.ws_connect(
            uri,
            autoping=False,  # it would hide pongs, too
            compress=15 if wishes.compression else 0,
            protocols=wishes.subprotocols,
            headers=wishes.headers,
            ssl=wishes.certificates.client_context() if wishes.certificates else True,
        )
    except BaseException:
        await session.close()
        raise

    async def end_tcp():
        await session.close()
        await websocket.close()  # finds TCP ended, so it doesn't wait; frees the response

    return AiohttpEnd(websocket, websocket.protocol, headers, end_tcp)


@contextlib.asynccontextmanager
async def serve(wishes):
    ends = asyncio.Queue()
    over = asyncio.Event()

    async def handle(request):
        async def end_tcp():
            if request.transport is not None:
                request.transport.abort()
            over.set()

        websocket = web.WebSocketResponse(
            autoping=False, compress=bool(wishes.compression), protocols=wishes.subprotocols
        )
        websocket.headers.update(wishes.headers)
        await websocket.prepare(request)
        ends.put_nowait(AiohttpEnd(websocket, websocket.ws_protocol, request.headers, end_tcp))
        await over.wait()
        return websocket

    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    try:
        context = wishes.certificates.server_context() if wishes.certificates else None
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield Listening(runner.addresses[0][1], ends.get)
    finally:
        over.set()
        await runner.cleanup()
