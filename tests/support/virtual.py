"""
An event loop whose network and clock a test holds in its hands, so that whatever happens happens
again in the same order.

Connections are pairs of transports in memory. What is written waits until a test carries it over,
as many bytes as it likes, unless it lets bytes flow by themselves. Time passes only when nothing
else is left to do. When even that can't help, because everybody waits for somebody else, the loop
raises :class:`Stuck`.
"""

import asyncio
import selectors
import weakref
from collections import deque

BUSY = 20_000  # turns that no test needs to come to rest
CAPACITY = 65536  # bytes that a network holds which passes everything on


class Stuck(Exception):
    """Everybody waits, and nothing will happen; or the loop never comes to rest."""


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, host="memory"):
        self.now = 0.0
        self.turns = 0
        self.host = host
        self.factory = None  # of the protocols of the server that listens
        self.capacity = 0  # of connections that are made
        self.buffered = False
        self.fragile = False
        self.flowing = False  # whether bytes arrive by themselves
        self.polls = 0  # until the loop sees what has arrived while it was blocked
        self.laid = None  # called with the server's and the client's end of a connection
        self.ends = []  # of all connections, servers' and clients' in turn
        self._at_rest = None
        self._timers = weakref.WeakSet()
        super().__init__(_Selector(self))

    def time(self):
        return self.now

    def call_at(self, when, callback, *args, **kwargs):
        timer = super().call_at(when, callback, *args, **kwargs)
        self._timers.add(timer)
        return timer

    def timers(self):
        """Return the timers that are still to fire."""
        return [
            timer for timer in self._timers if timer.when() > self.now and not timer.cancelled()
        ]

    def block(self, seconds):
        """
        Let time pass in which nobody has his turn, though bytes arrive.

        The loop sees them when it polls for the second time; as if a signal had interrupted the
        first, which is what happens to a process that is stopped for so long.
        """
        self.now += seconds
        self.polls = 2

    async def rest(self):
        """Wait until nothing will happen unless bytes are carried over or time passes."""
        self._at_rest = self.create_future()
        await self._at_rest

    def idle(self, timeout):
        """Nothing is left to do for so many seconds, or at all."""
        if self._at_rest is not None and not self._at_rest.done():
            self._at_rest.set_result(None)
        elif self.flowing and any([end.carry() for end in self.ends]):
            pass
        elif timeout is None:
            raise Stuck("nothing will ever happen again")
        else:
            self.now += timeout

    async def create_server(self, factory, host, port, **options):
        assert not options
        self.factory = factory
        return _Server(self)

    async def create_connection(self, factory, host, port, **options):
        assert not options
        if self.factory is None:
            raise ConnectionRefusedError("nobody listens")
        accepted, connected = End(self), End(self)
        accepted.peer, connected.peer = connected, accepted
        self.ends += accepted, connected
        if self.laid is not None:
            self.laid(accepted, connected)
        accepted.protocol = self.factory()
        connected.protocol = factory()
        made = self.create_future()
        self.call_soon(accepted.protocol.connection_made, accepted)
        self.call_soon(connected.protocol.connection_made, connected)
        self.call_soon(_set, made)
        try:
            await made
        except BaseException:
            connected.close()
            raise
        return connected, connected.protocol


def flowing_loop():
    """Make a loop whose network passes everything on, and whose time is spent by nobody's work."""
    loop = VirtualLoop()
    loop.flowing = True
    loop.capacity = CAPACITY
    return loop


def _set(future):
    if not future.done():
        future.set_result(None)


class _Selector(selectors.SelectSelector):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop

    def select(self, timeout=None):
        self.loop.turns += 1
        if self.loop.turns > BUSY:
            raise Stuck("the loop never comes to rest")
        if self.loop.polls:
            self.loop.polls -= 1
            if not self.loop.polls:
                for end in self.loop.ends:
                    self.loop.call_soon(end.carry)
        elif timeout is None or timeout > 0:
            self.loop.idle(timeout)
        return []


class _Socket:
    def getsockname(self):
        return "127.0.0.1", 1


class _Server:
    sockets = [_Socket()]

    def __init__(self, loop):
        self.loop = loop

    def is_serving(self):
        return self.loop.factory is not None

    def close(self):
        self.loop.factory = None

    async def wait_closed(self):
        pass


class End(asyncio.Transport):
    """
    One end of a connection.

    Attributes:
        said: reads all that is written here, unless it is None, and is told of its end;
        heard: all that arrives.
        passed: how many bytes went from here to the other end.
        changed: function that makes of bytes on their way to the other end what arrives there.
        faults: what was done to this that real transports don't allow, or complain of.
        dead: whether nothing gets from here to the other end any more, and nobody is told.
        capacity: how many bytes the kernel takes that the other end hasn't got.
    """

    def __init__(self, loop):
        super().__init__()
        self.loop = loop
        self.protocol = None
        self.peer = None
        self.said = self.heard = None
        self.faults = []
        self.dead = False
        self.passed = 0
        self.changed = None
        self._fault = self._after = None
        self.lost = False
        self.closing = False
        self.high, self.low = 65536, 16384
        self.waiting = deque()  # for the kernel to take
        self.size = 0
        self.wire = bytearray()  # what the kernel has taken, and will carry
        self.capacity = loop.capacity
        self.ended = False  # there will be no more on the wire
        self.end_told = False
        self.broken = False  # a reset is behind what is on the wire
        self.reading = True
        self.full = False

    # What the library calls

    def get_extra_info(self, name, default=None):
        return default

    def is_closing(self):
        return self.closing

    def is_reading(self):
        return self.reading and not self.closing

    def pause_reading(self):
        if self.closing or not self.reading:
            self.faults.append("pause_reading")
        self.reading = False

    def resume_reading(self):
        if self.closing or self.reading:
            self.faults.append("resume_reading")
        self.reading = True

    def set_protocol(self, protocol):
        self.protocol = protocol

    def set_write_buffer_limits(self, high=None, low=None):
        # As asyncio.WriteTransport.set_write_buffer_limits() describes it.
        if high is None:
            high = 2**16 if low is None else 4 * low
        self.high, self.low = high, high // 4 if low is None else low

    def get_write_buffer_size(self):
        return self.size

    def write(self, data):
        if self.closing or self.ended:
            # Whoever is about to write a request or a response needn't ask before.
            if self.said is None or self.said.open is not None:
                self.faults.append("write")
            return
        if self.said is not None:
            self.said.read(bytes(data))
        self.waiting.append(bytes(data))
        self.size += len(data)
        self._fill()
        if self.size > self.high and not self.full:
            self.full = True
            self.protocol.pause_writing()

    def can_write_eof(self):
        return True

    def write_eof(self):
        if self.closing or self.ended:
            self.faults.append("write_eof")
        self.ended = True
        self._say_end()

    def _say_end(self):
        if self.said is not None:
            self.said.end()

    def close(self):
        if not self.closing:
            self.closing = True
            self._say_end()
            if not self.size:
                self.loop.call_soon(self._die, None)

    def abort(self):
        self.closing = True
        self.waiting.clear()
        self.size = 0
        self.broken = True
        self.loop.call_soon(self._die, None)

    # What a test calls

    def break_after(self, count, fault):
        """Have a function called with this end when so many bytes have gone to the other one."""
        self._after, self._fault = count, fault

    def carry(self, count=1 << 30):
        """Carry so many bytes to the other end, or what comes behind them; False if there's none."""
        peer = self.peer
        if self._fault is not None and self.wire:
            count = min(count, self._after - self.passed)
            if not count:
                self._strike()
        if self.dead or peer.lost or not peer.reading:
            if peer.lost and self.wire and not self.dead:
                # RFC 9293 3.10.7.1: who is gone answers with a reset.
                self.wire.clear()
                self.reset()
                return True
            return False
        if self.broken and self.loop.fragile:
            self.wire.clear()
        if self.wire:
            if peer.closing:
                return False  # It doesn't read any more, nor is it gone yet.
            data = bytes(self.wire[:count])
            del self.wire[:count]
            self.passed += len(data)
            if self.changed is not None:
                data = self.changed(data)
            if data:
                peer._hear(data)
            if self.passed == self._after:
                self._strike()
            self._fill()
            self._drain()
            return True
        if self.broken:
            self.broken = False
            peer.reset()
            return True
        if self.ended and not self.size and not self.end_told and not peer.closing:
            self.end_told = True
            if not peer.protocol.eof_received():
                peer.close()
            return True
        return False

    def reset(self):
        """Lose the connection."""
        if not self.lost:
            self.closing = True
            self.waiting.clear()
            self.size = 0
            self.loop.call_soon(self._die, ConnectionResetError("reset by a test"))

    def _strike(self):
        fault, self._fault, self._after = self._fault, None, None
        fault(self)

    def _fill(self):
        while self.waiting and len(self.wire) < self.capacity:
            data = self.waiting.popleft()
            room = self.capacity - len(self.wire)
            self.wire += data[:room]
            if len(data) > room:
                self.waiting.appendleft(data[room:])
            self.size -= min(len(data), room)

    def _drain(self):
        if self.full and not self.lost and self.size <= self.low:
            self.full = False
            self.protocol.resume_writing()
        if self.closing and not self.size:
            self.loop.call_soon(self._die, None)

    def _hear(self, data):
        if self.heard is not None:
            self.heard.read(data)
        if not self.loop.buffered:
            self.protocol.data_received(data)
            return
        while data:
            buffer = self.protocol.get_buffer(-1)
            count = min(len(buffer), len(data))
            buffer[:count] = data[:count]
            self.protocol.buffer_updated(count)
            data = data[count:]

    def _die(self, exc):
        if self.lost:
            return
        self.lost = self.ended = True
        protocol, self.protocol = self.protocol, None
        if self.peer.wire:
            self.broken = True
        protocol.connection_lost(exc)
