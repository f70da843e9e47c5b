"""
What servers answer to the bytes of a request, byte for byte.
"""

from peer import hold, port_of, tcp_to

import websockets


def header(head, name):
    """Return the values of a header in the bytes of a head."""
    lines = head.decode().split("\r\n")[1:]
    fields = [line.split(": ", 1) for line in lines if line]
    return [value for field, value in fields if field.lower() == name.lower()]


async def answer(request, handler=hold, **kwargs):
    """Return the head and the body of the response to a request."""
    async with websockets.serve(handler, "127.0.0.1", 0, **kwargs) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(request)
            head = await peer.read_head()
            body = b"" if b" 101 " in head.split(b"\r\n")[0] else await peer.read_eof()
            return head, body


def status(head):
    return int(head.split(b" ", 2)[1])
