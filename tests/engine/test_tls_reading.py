"""
The pace at which bytes are taken from TLS: pauses at any place, and what happens behind them.
"""

import asyncio
import contextlib
import ssl

import pytest
from openssl import TLS_1_3, Conversation, OpenSSL, needs_openssl_functions
from peer import BINARY, CLOSE, REQUEST, TEXT, close_payload, hold, port_of, tcp_to, turns, until
from stranger import Stranger, masked, serving, stranger_at

import websockets

# No test waits for these.
NEVER = {"ssl_shutdown_timeout": 999, "close_timeout": 999, "ping_interval": None}


class Sipping(websockets.WebSocketServerProtocol):
    """A connection that wants no more than one piece at a time."""

    pieces = 0

    def data_received(self, data):
        self.pieces += 1
        super().data_received(data)
        if not self.transport.is_closing():
            self.transport.pause_reading()
            self.loop.call_later(0, self.transport.resume_reading)


async def test_a_connection_that_pauses_after_each_piece(certificates):
    received, pieces = [], []

    async def handler(ws, path):
        async for message in ws:
            received.append(message)
        pieces.append(ws.pieces)

    options = {"create_protocol": Sipping, "max_queue": None, **NEVER}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            texts = [b"%10d" % number * 1000 for number in range(100)]
            # More than is decrypted at once.
            stranger.writer.write(b"".join(stranger.records(masked(TEXT, t)) for t in texts))
            stranger.writer.write(stranger.records(masked(CLOSE, close_payload(1000))))
            assert await stranger.read_frame() == (CLOSE, close_payload(1000))
    assert received == [text.decode() for text in texts]
    assert pieces[0] > 10


@pytest.mark.parametrize("end", ["close_notify", "eof", "garbage"])
async def test_the_end_behind_pauses(end, certificates):
    received, ends = [], []

    async def handler(ws, path):
        with contextlib.suppress(websockets.ConnectionClosedError):
            async for message in ws:
                received.append(message)
        await ws.wait_closed()
        ends.append(ws.connection_closed_exc())

    options = {"create_protocol": Sipping, "max_queue": None, **NEVER}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            texts = [b"%10d" % number * 1000 for number in range(50)]
            stranger.writer.write(b"".join(stranger.records(masked(TEXT, t)) for t in texts))
            if end == "close_notify":
                with pytest.raises(ssl.SSLWantReadError):
                    stranger.tls.unwrap()
                stranger.flush()
            elif end == "eof":
                stranger.writer.write_eof()
            else:
                stranger.writer.write(b"garbage" * 100_000)
            await until(lambda: ends)
    assert received == [text.decode() for text in texts]
    assert ends[0].code == 1006
    assert isinstance(ends[0].__cause__, ssl.SSLError if end == "garbage" else type(None))


async def test_a_connection_that_is_closed_between_pieces(certificates):
    class Leaving(Sipping):
        def data_received(self, data):
            super().data_received(data)
            if self.pieces == 2:
                self.transport.close()

    options = {"create_protocol": Leaving, "max_queue": None, **NEVER}
    async with serving(certificates, hold, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            data = [stranger.records(masked(TEXT, bytes(10_000))) for _ in range(20)]
            with pytest.raises(ssl.SSLWantReadError):
                stranger.tls.unwrap()
            stranger.writer.write(b"".join(data))
            stranger.flush()
            await protocol.wait_closed()
            assert protocol.pieces == 2


async def test_a_connection_that_pauses_before_the_first_byte(certificates):
    class Late(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()

    async with serving(certificates, hold, create_protocol=Late, **NEVER) as server:
        async with tcp_to(port_of(server)) as peer:
            stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
            await stranger.call(stranger.tls.do_handshake)
            await stranger.say(REQUEST + b"\r\n")
            await until(lambda: server.websockets)
            await turns(20)
            [protocol] = server.websockets
            assert protocol.state is websockets.protocol.State.CONNECTING
            protocol.transport.resume_reading()
            assert " 101 " in await stranger.read_head()


async def test_a_connection_that_ends_before_the_first_byte(certificates):
    class Gone(websockets.WebSocketServerProtocol):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.abort()

    async with serving(certificates, hold, create_protocol=Gone, **NEVER) as server:
        async with tcp_to(port_of(server)) as peer:
            stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
            with contextlib.suppress(EOFError, OSError):
                await stranger.call(stranger.tls.do_handshake)
                await stranger.say(REQUEST + b"\r\n")
                await stranger.read_head()
            await until(lambda: not server.websockets)


async def test_a_large_message_that_comes_with_the_end_of_the_handshake(certificates):
    message = bytes(range(250)) * 800

    async with serving(certificates, hold, max_size=None, **NEVER) as server:
        async with tcp_to(port_of(server)) as peer:
            stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
            # What the handshake's last records are written to is sent with the others.
            write, written = peer.writer.write, []
            peer.writer.write = written.append
            shaking = asyncio.ensure_future(stranger.call(stranger.tls.do_handshake))
            await until(lambda: written)
            write(written.pop())
            await shaking
            data = REQUEST + b"\r\n" + masked(BINARY, message)
            for start in range(0, len(data), 16_000):
                written.append(stranger.records(data[start : start + 16_000]))
            write(b"".join(written))
            assert " 101 " in await stranger.read_head()
            [protocol] = server.websockets
            assert await protocol.recv() == message


async def test_bytes_that_come_in_a_pause_wait_for_its_end(certificates):
    async with serving(certificates, hold, **NEVER) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            transport = protocol.transport
            transport.pause_reading()
            # Some event loops read once more.
            for number in range(3):
                transport.data_received(stranger.records(masked(TEXT, b"%d" % number)))
            receiving = asyncio.ensure_future(protocol.recv())
            await turns(10)
            assert not receiving.done()
            transport.resume_reading()
            assert await receiving == "0"
            assert [await protocol.recv(), await protocol.recv()] == ["1", "2"]


# Large messages, which are decrypted into their place


def parts_of(stranger, data, size=16_000):
    return [stranger.records(data[start : start + size]) for start in range(0, len(data), size)]


async def test_garbage_in_a_large_message(certificates):
    async with serving(certificates, hold, max_size=None, **NEVER) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            parts = parts_of(stranger, masked(BINARY, bytes(2_000_000)))
            stranger.writer.write(b"".join(parts[:100]) + b"garbage" * 20_000)
            await protocol.wait_closed()
            assert isinstance(protocol.connection_closed_exc().__cause__, ssl.SSLError)


async def test_a_violation_in_a_large_message(certificates):
    async with serving(certificates, hold, max_size=None, **NEVER) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            text = bytearray(b"x" * 2_000_000)
            text[1_000_000] = 0xFF
            parts = parts_of(stranger, masked(TEXT, bytes(text)))
            with pytest.raises(ssl.SSLWantReadError):
                stranger.tls.unwrap()
            stranger.writer.write(b"".join(parts))
            stranger.flush()
            opcode, payload = await stranger.read_frame()
            assert (opcode, payload[:2]) == (CLOSE, close_payload(1007))
            await protocol.wait_closed()


async def test_another_protocol_takes_over_in_a_large_message(certificates):
    taken = bytearray()

    class Other(asyncio.Protocol):
        def data_received(self, data):
            taken.extend(data)

        def connection_lost(self, exc):
            protocol.connection_lost(exc)

    data = masked(BINARY, bytes(range(250)) * 8000)
    async with serving(certificates, hold, max_size=None, **NEVER) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            first, *others = parts_of(stranger, data, 500_000)
            stranger.writer.write(first)
            await turns(50)
            protocol.transport.set_protocol(Other())
            stranger.writer.write(b"".join(others))
            await until(lambda: len(taken) >= len(data) - 500_000)
            assert data.endswith(taken)


@needs_openssl_functions
async def test_new_keys_in_a_large_message(certificates):
    message = bytes(range(250)) * 8000
    data = masked(BINARY, message)
    async with serving(certificates, hold, max_size=None, **NEVER) as server:
        async with tcp_to(port_of(server)) as peer:
            stranger = Conversation(OpenSSL(TLS_1_3), peer.reader, peer.writer)
            await stranger.shake_hands()
            await stranger.say(REQUEST + b"\r\n")
            assert " 101 " in await stranger.read_head()
            [protocol] = server.websockets
            for start in range(0, len(data), 16_000):
                assert stranger.tls.write(data[start : start + 16_000])
                stranger.tls.update_keys()
            stranger.flush()
            assert await protocol.recv() == message
            await protocol.send("with new keys")
            assert await stranger.read_frame() == (TEXT, b"with new keys")
            stranger.tls.close()
