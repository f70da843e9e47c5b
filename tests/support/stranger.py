"""
A peer with another TLS: it drives OpenSSL by hand, record by record.

Must never know WebSocket beyond a request and the frames of a server.
"""

import ssl

from peer import REQUEST


class Stranger:
    """
    One end of a TLS connection whose records are made and sent one by one.

    It says close_notify when it is told to, and not because the other end does.
    """

    def __init__(self, reader, writer, context, server_side=False):
        self.reader = reader
        self.writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side, None if server_side else "localhost"
        )

    async def call(self, function, *args):
        """Call a method of OpenSSL's until it has had all the bytes it needs."""
        while True:
            try:
                return function(*args)
            except ssl.SSLWantReadError:
                self.flush()
                data = await self.reader.read(65536)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            finally:
                self.flush()

    def flush(self):
        if self._outgoing.pending:
            self.writer.write(self._outgoing.read())

    def records(self, data):
        """Return the records in which OpenSSL sends bytes."""
        assert self.tls.write(data) == len(data)
        return self._outgoing.read()

    async def read(self, size):
        data = b""
        while len(data) < size:
            piece = await self.call(self.tls.read, size - len(data))
            if not piece:
                raise EOFError("there is less")
            data += piece
        return data

    async def say(self, data):
        """Say bytes to the other end."""
        await self.call(self.tls.write, data)

    async def read_head(self):
        """Read the head of a request or response."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        return head.decode()

    async def open(self):
        """Open a WebSocket connection."""
        await self.call(self.tls.do_handshake)
        self.writer.write(self.records(REQUEST + b"\r\n"))
        assert " 101 " in await self.read_head()

    async def read_frame(self):
        byte0, size = await self.read(2)
        if size >= 126:
            size = int.from_bytes(await self.read(2 if size == 126 else 8), "big")
        return byte0 & 15, await self.read(size)
