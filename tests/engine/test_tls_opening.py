"""
Connections over TLS: certificates, TLS handshakes that fail, and their time limits.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import sys

import pytest
from peer import BINARY, TEXT, frame, hold, port_of, tcp_to, turns
from proxy import nothing_left
from stranger import VERSIONS, connecting, every_version, listening, masked, serving

import websockets


@every_version
async def test_what_programs_are_told(version, certificates):
    server_context, told = certificates.server_context(), []
    server_context.maximum_version = server_context.minimum_version = VERSIONS[version]

    async def handler(ws, path):
        told.append((ws, ws.transport.get_extra_info("ssl_object").version()))
        await ws.wait_closed()

    async with websockets.serve(handler, "127.0.0.1", 0, ssl=server_context) as server:
        client_context = certificates.client_context()
        async with connecting(server, certificates, ssl=client_context) as ws:
            info = ws.transport.get_extra_info
            assert info("sslcontext") is client_context
            assert info("ssl_object").version() == version.replace("TLS ", "TLSv")
            assert ("DNS", "localhost") in info("peercert")["subjectAltName"]
            assert info("cipher") == info("ssl_object").cipher()
            assert info("compression") is None
            assert info("peername") == ws.remote_address == ("127.0.0.1", port_of(server))
            assert info("socket").fileno() > 0
            assert info("nonsense", "default") == "default"
        [(protocol, negotiated)] = told
        assert negotiated == version.replace("TLS ", "TLSv")
        assert protocol.transport.get_extra_info("sslcontext") is server_context
        assert protocol.transport.get_extra_info("peercert") is None


async def test_the_transport_has_the_methods_of_others(certificates):
    async with serving(certificates) as server, connecting(server, certificates) as ws:
        transport = ws.transport
        assert isinstance(transport, asyncio.Transport)
        assert transport.get_protocol() is ws
        assert not transport.can_write_eof()
        with pytest.raises(NotImplementedError):
            transport.write_eof()
        transport.resume_reading()
        assert transport.is_reading() and not transport.is_closing()
        transport.set_write_buffer_limits(high=4000, low=1000)
        if hasattr(asyncio.Transport, "get_write_buffer_limits"):
            assert transport.get_write_buffer_limits() == (1000, 4000)
        for limits, expected in [
            ({}, (2**14, 2**16)),
            ({"low": 1000}, (1000, 4000)),
            ({"high": 1000}, (250, 1000)),
        ]:
            transport.set_write_buffer_limits(**limits)
            assert transport.get_write_buffer_limits() == expected
        assert transport.get_write_buffer_size() == 0
        data = masked(TEXT, b"in parts")
        transport.write(b"")
        transport.write(bytearray(data[:3]))
        transport.writelines([data[3:5], memoryview(data)[5:]])
        assert await ws.recv() == "in parts"
    assert transport.is_closing()
    transport.write(b"too late")
    transport.pause_reading()
    transport.resume_reading()
    await turns()
    transport.abort()


async def test_another_protocol_takes_over(certificates):
    received = asyncio.get_running_loop().create_future()

    class Other(asyncio.Protocol):
        def data_received(self, data):
            if not received.done():
                received.set_result(data)

        def connection_lost(self, exc):
            ws.connection_lost(exc)

    async with serving(certificates, compression=None) as server:
        ws = await connecting(server, certificates)
        ws.transport.set_protocol(Other())
        ws.transport.write(masked(BINARY, bytes(20_000)))
        assert (await received)[:10] == frame(BINARY, bytes(20_000))[:10]
        ws.transport.close()
        await ws.wait_closed()


@every_version
async def test_client_certificates(version, certificates):
    context = certificates.server_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.verify_mode = ssl.CERT_REQUIRED
    certificates.authority.configure_trust(context)

    async def handler(ws, path):
        await ws.send(ws.transport.get_extra_info("peercert")["subjectAltName"][0][1])

    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context) as server:
        known = certificates.client_context()
        certificates.authority.issue_cert("somebody").configure_cert(known)
        async with connecting(server, certificates, ssl=known) as ws:
            assert await ws.recv() == "somebody"
        # With TLS 1.3 the client learns after its own handshake that it is refused.
        with pytest.raises((OSError, websockets.InvalidMessage)):
            await connecting(server, certificates)


async def test_a_handshake_that_fails_is_told_to_the_peer_and_to_nobody_else(certificates, caplog):
    caplog.set_level(logging.DEBUG, "websockets.server")
    async with serving(certificates) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(b"\x16\x03\x01\x00\x05hello")
            assert (await peer.read_eof())[:1] == b"\x15"  # an alert
        async with tcp_to(port_of(server)) as peer:
            pass
        async with tcp_to(port_of(server)) as peer:
            peer.write(bytes(200_000))
            await peer.read_eof()
        while len(caplog.records) < 3:
            await asyncio.sleep(0)
        assert not server.websockets
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


@pytest.mark.parametrize(
    "answer, exception",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ssl.SSLError),
        (b"\x15\x03\x03\x00\x02\x02\x28", ssl.SSLError),
        (b"\x16\x03\x03\x01", ConnectionResetError),
        (b"", ConnectionResetError),
    ],
)
async def test_a_server_that_does_not_speak_tls(answer, exception, certificates):
    async def serve(reader, writer):
        await reader.read(1)
        await reader.read(65536)
        writer.write(answer)
        writer.write_eof()
        await reader.read()

    async with listening(serve) as server, nothing_left():
        try:
            await connecting(server, certificates)
        except exception:
            pass
        else:
            raise AssertionError("there is no connection to be had")


async def test_a_server_that_says_nothing(certificates):
    async def serve(reader, writer):
        await reader.read()

    async with listening(serve) as server, nothing_left():
        try:
            await connecting(server, certificates, ssl_handshake_timeout=0.01, open_timeout=None)
        except ConnectionAbortedError as exc:
            assert "0.01 seconds" in str(exc)
        else:
            raise AssertionError("the handshake should take too long")


async def test_connecting_is_cancelled_in_the_tls_handshake(certificates):
    arrived = asyncio.Event()
    ended = asyncio.Event()

    async def serve(reader, writer):
        await reader.read(1)
        arrived.set()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()

    async with listening(serve) as server, nothing_left():

        async def connect():
            await connecting(server, certificates)

        task = asyncio.ensure_future(connect())
        await arrived.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await ended.wait()
        del task


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_server_that_closes_waits_for_no_tls_handshake(accepted, certificates):
    server = await websockets.serve(
        hold, "127.0.0.1", 0, ssl=certificates.server_context(), open_timeout=None
    )
    async with tcp_to(port_of(server)) as peer:
        if accepted:
            peer.write(b"\x16\x03\x01")
            await turns(10)
        server.close()
        await server.wait_closed()
        assert await peer.read_eof() == b""


def nameless():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def test_a_name_for_the_certificate(certificates):
    async with serving(certificates) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connecting(server, certificates, server_hostname="example.com")
        async with connecting(server, certificates, server_hostname=None, ssl=nameless()):
            pass
        if sys.version_info >= (3, 14):
            with pytest.raises(ValueError, match="server_hostname"):
                await connecting(server, certificates, server_hostname="")
        else:
            # Without a name there is none to check; the rest of the certificate counts.
            async with connecting(server, certificates, server_hostname=""):
                pass
            with pytest.raises(ssl.SSLCertVerificationError):
                await connecting(server, certificates, server_hostname="", ssl=True)
        with socket.create_connection(("127.0.0.1", port_of(server))) as sock:
            with pytest.raises(ValueError, match="server_hostname"):
                await websockets.connect("wss://localhost", sock=sock, server_hostname=None)


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
@pytest.mark.parametrize("seconds", [0, -1])
async def test_time_limits_are_positive(name, seconds, certificates):
    limit = {name: seconds}
    with pytest.raises(ValueError, match=name):
        await websockets.serve(hold, "127.0.0.1", 0, ssl=certificates.server_context(), **limit)
    async with serving(certificates, ssl_handshake_timeout=9, ssl_shutdown_timeout=9) as server:
        with pytest.raises(ValueError, match=name):
            await connecting(server, certificates, **limit)


async def test_what_is_no_context_is_left_to_the_event_loop():
    with pytest.raises(TypeError):
        await websockets.serve(hold, "127.0.0.1", 0, ssl=True)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="ssl has contexts do both, before")
async def test_a_context_that_can_not_serve(certificates):
    with pytest.raises((ssl.SSLError, ValueError)):  # which is Python's word from 3.14 on
        await websockets.serve(hold, "127.0.0.1", 0, ssl=certificates.client_context())
