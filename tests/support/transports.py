"""
Transports that a test drives instead of an event loop: one whose socket is gone, one that is well.
"""

import asyncio

import websockets


class DeadTransport(asyncio.Transport):
    """What a transport may be like whose socket is gone before the event loop noticed."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.aborted = self.closed = False

    def get_extra_info(self, name, default=None):
        return default

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def is_closing(self):
        return self.closed

    def can_write_eof(self):
        return True

    def write(self, data):
        pass

    def write_eof(self):
        raise self.error

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def close(self):
        self.closed = True

    def abort(self):
        self.closed = self.aborted = True


class Transport(DeadTransport):
    """A transport that keeps what is written to it, and whose socket is as it should be."""

    def __init__(self):
        super().__init__(None)
        self.written = b""
        self.reading = True

    def write(self, data):
        self.written += data

    def write_eof(self):
        pass

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True


def by_hand(*args, **kwargs):
    """Make a protocol with a transport, before its opening handshake."""
    kwargs.setdefault("ping_interval", None)
    ws = websockets.WebSocketCommonProtocol(*args, **kwargs)
    ws.connection_made(Transport())
    return ws
