"""
How connections over TLS end, and what the two ends learn of each other's end.
"""

import contextlib
import ssl

import pytest
from peer import BINARY, CLOSE, TEXT, close_payload, hold, turns
from proxy import nothing_left
from stranger import connecting, masked, serving, stranger_at


async def test_close_notify_follows_the_close_frame(certificates):
    async with serving(certificates) as server:
        async with stranger_at(server, certificates) as stranger:
            stranger.writer.write(stranger.records(masked(CLOSE, close_payload(1000))))
            assert await stranger.read_frame() == (CLOSE, close_payload(1000))
            assert await stranger.call(stranger.tls.read, 1) == b""
            # What is still on its way is no harm.
            late = stranger.records(b"too late")
            for part in (late[:9], late[9:]):
                stranger.writer.write(part)
                await turns(5)
            await stranger.call(stranger.tls.unwrap)
            assert await stranger.reader.read() == b""


@pytest.mark.parametrize("behind", [b"", b"late"])
async def test_close_notify_is_answered(behind, certificates):
    codes = []

    async def handler(ws, path):
        await ws.wait_closed()
        codes.append(ws.close_code)

    async with serving(certificates, handler) as server:
        async with stranger_at(server, certificates) as stranger:
            await stranger.call(stranger.tls.unwrap)
            stranger.writer.write(behind)
            with contextlib.suppress(ConnectionError):
                assert await stranger.reader.read() == b""
    assert codes == [1006]


async def test_tcp_ends_without_close_notify(certificates):
    async with serving(certificates, hold) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            stranger.writer.write_eof()
            await protocol.wait_closed()
            assert protocol.close_code == 1006
            assert await stranger.call(stranger.tls.read, 1) == b""


async def test_a_peer_that_does_not_answer_close_notify(certificates):
    async with serving(certificates, hold, ssl_shutdown_timeout=0.01) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            protocol.transport.pause_reading()
            protocol.transport.close()
            protocol.transport.close()
            await protocol.wait_closed()
            with contextlib.suppress(ConnectionError):
                assert await stranger.call(stranger.tls.read, 1) == b""


async def test_garbage_behind_close_notify(certificates):
    async with serving(certificates, hold) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            protocol.transport.close()
            stranger.writer.write(b"garbage" * 10)
            await protocol.wait_closed()


async def test_a_record_that_was_changed_is_the_cause(certificates):
    async with serving(certificates, hold) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            data = bytearray(stranger.records(masked(TEXT, b"changed")))
            data[-1] ^= 1
            stranger.writer.write(data)
            await protocol.wait_closed()
            exc = protocol.connection_closed_exc()
            assert exc.code == 1006 and isinstance(exc.__cause__, ssl.SSLError)
            with pytest.raises((ssl.SSLError, ConnectionError)):  # the alert
                await stranger.call(stranger.tls.read, 1)


async def test_a_message_before_garbage_is_received(certificates):
    received = []

    async def handler(ws, path):
        async for message in ws:
            received.append(message)
            await ws.send(message)

    async with serving(certificates, handler) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            stranger.writer.write(stranger.records(masked(TEXT, b"first")) + b"garbage" * 10)
            await protocol.wait_closed()
            assert isinstance(protocol.connection_closed_exc().__cause__, ssl.SSLError)
    assert received == ["first"]


async def test_the_end_in_the_middle_of_a_large_message(certificates):
    async with serving(certificates, hold, max_size=None) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            data = masked(BINARY, bytes(1_000_000))
            records = b"".join(
                stranger.records(data[start : start + 10_000])
                for start in range(0, 500_000, 10_000)
            )
            with pytest.raises(ssl.SSLWantReadError):
                stranger.tls.unwrap()
            stranger.writer.write(records)
            stranger.flush()
            await protocol.wait_closed()
            assert protocol.close_code == 1006
            await stranger.call(stranger.tls.unwrap)


async def test_nothing_is_left_of_handshakes_that_fail(certificates):
    async with serving(certificates) as server, nothing_left():
        for _ in range(3):
            try:
                await connecting(server, certificates, server_hostname="example.com")
            except ssl.SSLCertVerificationError:
                pass
        async with connecting(server, certificates):
            pass
        await turns(20)
