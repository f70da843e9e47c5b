"""
TLS where OpenSSL fails as it should not, or the connection ends while it works.
"""

import ssl

import pytest
from peer import hold, turns
from proxy import nothing_left
from stranger import connecting, serving, stranger_at

import websockets


class Failing(ssl.SSLObject):
    """OpenSSL where a function fails as none should."""

    failing = None
    error = MemoryError

    def fail(self, name):
        if self.failing == name:
            raise self.error

    def do_handshake(self):
        self.fail("do_handshake")
        return super().do_handshake()

    def read(self, *args):
        self.fail("read")
        return super().read(*args)

    def write(self, data):
        self.fail("write")
        return super().write(data)

    def unwrap(self):
        self.fail("unwrap")
        return super().unwrap()


@pytest.mark.parametrize("error", [MemoryError, ValueError, OSError])
@pytest.mark.parametrize("function", ["read", "write", "unwrap"])
async def test_openssl_fails_as_it_should_not(function, error, certificates):
    async with serving(certificates, hold) as server:
        context = certificates.client_context()
        context.sslobject_class = Failing
        async with nothing_left():
            ws = await connecting(server, certificates, ssl=context, ssl_shutdown_timeout=0.05)
            [protocol] = server.websockets
            tls = ws.transport.get_extra_info("ssl_object")
            tls.failing, tls.error = function, error
            if function == "read":
                await protocol.send("hello")
            elif function == "write":
                await ws.send("hello")
            else:
                ws.transport.close()
            await ws.wait_closed()
            await protocol.wait_closed()
            exc = ws.connection_closed_exc()
            assert exc.code == 1006
            assert type(exc.__cause__) is (type(None) if function == "unwrap" else error)
            # Another failure finds nothing left to fail.
            ws.transport.write(b"more")
            ws.transport.close()
            del ws, protocol, tls, exc


@pytest.mark.parametrize("error", [MemoryError, ValueError])
async def test_openssl_fails_as_it_should_not_in_the_handshake(error, certificates):
    class FailingAtOnce(Failing):
        failing = "do_handshake"

    FailingAtOnce.error = error
    async with serving(certificates) as server, nothing_left():
        context = certificates.client_context()
        context.sslobject_class = FailingAtOnce
        try:
            await connecting(server, certificates, ssl=context)
        except error:
            pass
        else:
            raise AssertionError("there is no connection to be had")
        del context


async def test_close_notify_behind_what_is_not_read(certificates):
    options = {"ssl_shutdown_timeout": 999, "close_timeout": 999}
    async with serving(certificates, hold, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            [protocol] = server.websockets
            protocol.transport.pause_reading()
            stranger.writer.write(b"".join(stranger.records(bytes(10_000)) for _ in range(50)))
            await turns(20)
            protocol.transport.close()
            await stranger.call(stranger.tls.unwrap)
            await protocol.wait_closed()


async def test_a_connection_is_aborted_while_a_large_message_is_encrypted(certificates):
    class Impatient(websockets.WebSocketClientProtocol):
        def pause_writing(self):
            super().pause_writing()
            self.transport.abort()

    async with serving(certificates, hold) as server:
        context = certificates.client_context()
        context.sslobject_class = Counting
        options = {"ssl": context, "create_protocol": Impatient, "compression": None}
        ws = await connecting(server, certificates, **options)
        tls = ws.transport.get_extra_info("ssl_object")
        tls.count = 0
        with pytest.raises(websockets.ConnectionClosed):
            await ws.send(bytes(50_000_000))
        assert tls.count < 20_000_000


class Counting(ssl.SSLObject):
    """OpenSSL whose bytes are counted."""

    count = 0

    def write(self, data):
        self.count += len(data)
        return super().write(data)
