"""The peer wsproto, which has no sockets: asyncio gives it some, as client and as server."""

import asyncio
import contextlib
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Message,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import CloseReason

from .end import End, Listening


class WsprotoEnd(End):
    # Not "pings in compressed messages": after the ping it takes the rest of the message as it is.
    abilities = frozenset(
        {
            "compression",
            "no context takeover",
            "fragments",
            "closing without a code",
            "living without subprotocol",
        }
    )

    def __init__(self, kind, reader, writer):
        self.connection = WSConnection(kind)
        self.reader = reader
        self.writer = writer
        self.events = iter(())

    def agree(self, head, subprotocol, extensions):
        """Keep what the opening handshake has led to."""
        self.headers = {name.decode().lower(): value.decode() for name, value in head.extra_headers}
        self.subprotocol = subprotocol
        self.compressed = any(extension.enabled() for extension in extensions)

    async def send(self, message):
        await self.send_fragment(message, first=True, final=True)

    async def send_fragment(self, fragment, *, first, final):
        kind = TextMessage if isinstance(fragment, str) else BytesMessage
        await self.send_event(kind(data=fragment, message_finished=final))

    async def recv(self):
        event = await self.next(Message)
        pieces = [event.data]
        while not event.message_finished:
            event = await self.next(Message)
            pieces.append(event.data)
        return "".join(pieces) if isinstance(event, TextMessage) else b"".join(pieces)

    async def ping(self, payload):
        await self.send_event(Ping(payload))

    async def pong(self):
        return bytes((await self.next(Pong)).payload)

    async def close(self, code, reason):
        await self.send_event(
            CloseConnection(CloseReason.NO_STATUS_RCVD if code is None else code, reason or None)
        )
        event = await self.next(CloseConnection)
        await self.drop()
        return event.code

    async def closed(self):
        event = await self.next(CloseConnection)
        await self.send_event(event.response())
        self.writer.close()
        return event.code, event.reason or ""

    async def drop(self):
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def send_event(self, event):
        self.writer.write(self.connection.send(event))
        await self.writer.drain()

    async def next(self, *kinds):
        """Return the next event, which must be of one of these kinds; answer pings on the way."""
        while True:
            event = next(self.events, None)
            if event is None:
                data = await self.reader.read(65536)
                self.connection.receive_data(data or None)
                self.events = self.connection.events()
            elif isinstance(event, Ping):
                await self.send_event(event.response())
            else:
                assert isinstance(event, kinds), event
                return event


def extensions(wishes):
    if wishes.compression is None:
        return []
    forget = wishes.compression == "no context takeover"
    return [PerMessageDeflate(client_no_context_takeover=forget, server_no_context_takeover=forget)]


def encode(headers):
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def connect(uri, wishes):
    parts = urlsplit(uri)
    context = wishes.certificates.client_context() if wishes.certificates else None
    streams = await asyncio.open_connection(parts.hostname, parts.port, ssl=context)
    end = WsprotoEnd(ConnectionType.CLIENT, *streams)
    try:
        await end.send_event(
            Request(
                host=parts.netloc,
                target=f"{parts.path}?{parts.query}",
                extensions=extensions(wishes),
                subprotocols=list(wishes.subprotocols),
                extra_headers=encode(wishes.headers),
            )
        )
        answer = await end.next(AcceptConnection)
    except BaseException:
        await end.drop()
        raise
    end.agree(answer, answer.subprotocol, answer.extensions)
    return end


@contextlib.asynccontextmanager
async def serve(wishes):
    ends = asyncio.Queue()

    async def accept(reader, writer):
        end = WsprotoEnd(ConnectionType.SERVER, reader, writer)
        request = await end.next(Request)
        wanted = [name for name in request.subprotocols if name in wishes.subprotocols]
        answer = AcceptConnection(
            subprotocol=wanted[0] if wanted else None,
            extensions=extensions(wishes),
            extra_headers=encode(wishes.headers),
        )
        await end.send_event(answer)
        end.agree(request, answer.subprotocol, answer.extensions)
        ends.put_nowait(end)

    context = wishes.certificates.server_context() if wishes.certificates else None
    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as server:
        yield Listening(server.sockets[0].getsockname()[1], ends.get)
