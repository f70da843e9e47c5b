"""
Connections over TLS, with peers that have another TLS: they drive OpenSSL by hand, record by record.

Own certificates, time limits, what the two ends learn of each other's end, and the pace at which
bytes are taken. Mangled records are in test_tls_faults.py.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import ssl
import sys

import pytest
from peer import (
    BINARY,
    CLOSE,
    REQUEST,
    TEXT,
    close_payload,
    echo,
    frame,
    hold,
    port_of,
    tcp_to,
    turns,
)
from proxy import nothing_left

import websockets
from websockets.handshake import build_response
from websockets.http import Headers

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
every_version = pytest.mark.parametrize("version", VERSIONS)


class Stranger:
    """One end of a TLS connection whose records are made and sent one by one."""

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
            assert piece, "there is less"
            data += piece
        return data

    async def open(self):
        await self.call(self.tls.do_handshake)
        self.writer.write(self.records(REQUEST + b"\r\n"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        assert b" 101 " in head

    async def read_frame(self):
        byte0, size = await self.read(2)
        if size >= 126:
            size = int.from_bytes(await self.read(2 if size == 126 else 8), "big")
        return byte0 & 15, await self.read(size)


@contextlib.asynccontextmanager
async def stranger_at(server, certificates):
    """A client that has opened a connection."""
    async with tcp_to(port_of(server)) as peer:
        stranger = Stranger(peer.reader, peer.writer, certificates.client_context())
        await stranger.open()
        yield stranger


@contextlib.asynccontextmanager
async def serving(certificates, handler=echo, **options):
    context = certificates.server_context()
    async with websockets.serve(handler, "127.0.0.1", 0, ssl=context, **options) as server:
        yield server


def connecting(server, certificates, **options):
    options.setdefault("ssl", certificates.client_context())
    return websockets.connect(f"wss://localhost:{port_of(server)}", host="127.0.0.1", **options)


@contextlib.asynccontextmanager
async def listening(serve):
    """A TCP server that is no server of ours."""
    tasks = []

    async def serve_one(reader, writer):
        tasks.append(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield server
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def masked(opcode, payload=b""):
    return frame(opcode, payload, masked=True)


# Opening


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


async def test_a_name_for_the_certificate(certificates):
    async with serving(certificates) as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connecting(server, certificates, server_hostname="example.com")
        async with connecting(server, certificates, server_hostname=None, ssl=nameless()):
            pass
        # Without a name there is none to check; the rest of the certificate counts.
        async with connecting(server, certificates, server_hostname=""):
            pass
        with pytest.raises(ssl.SSLCertVerificationError):
            await connecting(server, certificates, server_hostname="", ssl=True)
        with socket.create_connection(("127.0.0.1", port_of(server))) as sock:
            with pytest.raises(ValueError, match="server_hostname"):
                await websockets.connect("wss://localhost", sock=sock, server_hostname=None)


def nameless():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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
    with pytest.raises(ssl.SSLError):
        await websockets.serve(hold, "127.0.0.1", 0, ssl=certificates.client_context())


# Messages


class Busy(ssl.SSLObject):
    """OpenSSL in the middle of a new handshake, as TLS 1.2 has: it takes nothing to send."""

    busy = False

    def write(self, data):
        if self.busy:
            raise ssl.SSLWantReadError
        return super().write(data)


@pytest.mark.parametrize("end", ["message", "close"])
async def test_what_openssl_does_not_take_is_sent_later(end, certificates):
    received = []

    async def handler(ws, path):
        async for message in ws:
            received.append(message)

    async with serving(certificates, handler, compression=None) as server:
        context = certificates.client_context()
        context.sslobject_class = Busy
        async with connecting(server, certificates, ssl=context) as ws:
            [protocol] = server.websockets
            tls = ws.transport.get_extra_info("ssl_object")
            tls.busy = True
            await ws.send("first")
            assert ws.transport.get_write_buffer_size() > 5
            await ws.send("second")
            await protocol.send("still busy")
            assert await ws.recv() == "still busy"
            if end == "close":
                ws.transport.close()
                await turns(5)
            assert received == []
            tls.busy = False
            await protocol.send("go on")
            if end == "message":
                assert await ws.recv() == "go on"
                await turns(5)
                assert ws.transport.get_write_buffer_size() == 0
                await ws.send("third")
            await ws.close()
            await protocol.wait_closed()
    assert received == ["first", "second"] + ["third"] * (end == "message")


@pytest.mark.parametrize("size", [1, 16_384, 100_000, 8_000_000])
@every_version
async def test_messages_both_ways(size, version, certificates):
    context = certificates.server_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    options = {"max_size": None, "compression": None}
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, **options) as server:
        async with connecting(server, certificates, **options) as ws:
            for message in (os.urandom(size), "x" * size):
                await ws.send(message)
                assert await ws.recv() == message
        assert ws.close_code == 1000


@pytest.mark.parametrize("step", [1, 7, 16_000])
async def test_parts_of_records(step, certificates):
    async with serving(certificates, max_size=None) as server:
        async with stranger_at(server, certificates) as stranger:
            stranger.writer.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )
            payload = os.urandom(step * 100)
            data = b""
            for start in range(0, len(payload), 10_000):
                data += stranger.records(
                    frame(
                        0 if start else BINARY,
                        payload[start : start + 10_000],
                        fin=start + 10_000 >= len(payload),
                        masked=True,
                    )
                )
            for start in range(0, len(data), step):
                stranger.writer.write(data[start : start + step])
                await asyncio.sleep(0)
            assert await stranger.read_frame() == (BINARY, payload)


async def test_many_records_in_a_read(certificates):
    async with serving(certificates) as server:
        async with stranger_at(server, certificates) as stranger:
            texts = [b"%d" % number for number in range(100)]
            stranger.writer.write(b"".join(stranger.records(masked(TEXT, t)) for t in texts))
            assert [await stranger.read_frame() for _ in texts] == [(TEXT, text) for text in texts]


async def test_messages_that_are_not_received_stop_the_reading(certificates):
    go_on, received, transports = asyncio.Event(), [], []

    async def handler(ws, path):
        transports.append(ws.transport)
        await go_on.wait()
        async for message in ws:
            received.append(message)

    options = {"max_queue": 4, "read_limit": 1000}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            # More than a read, so that the end is behind what stays unread.
            texts = [b"%10d" % number * 100 for number in range(600)]
            for text in texts:
                stranger.writer.write(stranger.records(masked(TEXT, text)))
            stranger.writer.write(stranger.records(masked(CLOSE, close_payload(1000))))
            while not transports or transports[0].is_reading():
                await asyncio.sleep(0)
            await turns(20)
            assert not transports[0].is_reading()
            go_on.set()
            assert await stranger.read_frame() == (CLOSE, close_payload(1000))
    assert received == [text.decode() for text in texts]


async def test_the_end_waits_behind_messages_that_are_not_received(certificates):
    go_on, received, transports = asyncio.Event(), [], []

    async def handler(ws, path):
        transports.append(ws.transport)
        await go_on.wait()
        with contextlib.suppress(websockets.ConnectionClosedError):
            async for message in ws:
                received.append(message)

    options = {"max_queue": 2, "read_limit": 10}
    async with serving(certificates, handler, **options) as server:
        async with stranger_at(server, certificates) as stranger:
            data = b"".join(stranger.records(masked(TEXT, b"%10d" % n)) for n in range(20))
            with pytest.raises(ssl.SSLWantReadError):
                stranger.tls.unwrap()
            stranger.writer.write(data + stranger._outgoing.read())
            while not transports or transports[0].is_reading():
                await asyncio.sleep(0)
            await turns(20)
            go_on.set()
            with contextlib.suppress(ssl.SSLError):
                await stranger.call(stranger.tls.unwrap)
    assert received == ["%10d" % number for number in range(20)]


async def test_sending_waits_for_a_peer_that_does_not_read(certificates):
    sent = []

    async def handler(ws, path):
        for _ in range(8):
            await ws.send(bytes(1_000_000))
            sent.append(ws.transport.get_write_buffer_size())

    async with serving(certificates, handler, compression=None) as server:
        async with stranger_at(server, certificates) as stranger:
            stranger.writer.transport.pause_reading()
            await turns(20)
            assert len(sent) < 8
            stranger.writer.transport.resume_reading()
            for _ in range(8):
                assert await stranger.read_frame() == (BINARY, bytes(1_000_000))
            assert await stranger.read_frame() == (CLOSE, close_payload(1000))


# The end


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


# Others


async def test_asyncios_own_tls(certificates):
    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        [key] = [line[19:] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")]
        headers = Headers()
        build_response(headers, key.strip().decode())
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{headers}".encode())
        writer.write(frame(TEXT, b"hello"))
        await reader.readexactly(6)
        writer.write(frame(CLOSE, close_payload(1000)))
        writer.close()

    served = []

    async def note(reader, writer):
        served.append(asyncio.current_task())
        await serve(reader, writer)

    server = await asyncio.start_server(note, "127.0.0.1", 0, ssl=certificates.server_context())
    async with connecting(server, certificates, compression=None) as ws:
        assert await ws.recv() == "hello"
        await ws.send("")
        await ws.wait_closed()
        assert ws.close_code == 1000
    server.close()
    await asyncio.gather(*served)

    async with serving(certificates) as ours:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port_of(ours),
            ssl=certificates.client_context(),
            server_hostname="localhost",
        )
        writer.write(REQUEST + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(masked(TEXT, b"x") + masked(CLOSE, close_payload(1000)))
        assert await reader.read() == frame(TEXT, b"x") + frame(CLOSE, close_payload(1000))
        writer.close()


needs_openssl = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("openssl") is None, reason="openssl isn't installed"
)


@contextlib.asynccontextmanager
async def openssl(*arguments):
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.stdin.close()
        await process.communicate()


async def read_until(reader, *ends):
    data = b""
    while not all(end in data for end in ends):
        piece = await reader.read(65536)
        assert piece, data
        data += piece
    return data


@needs_openssl
async def test_openssl_updates_its_keys(certificates):
    async with serving(certificates, hold) as server:
        async with openssl("s_client", "-connect", f"127.0.0.1:{port_of(server)}") as process:
            process.stdin.write(REQUEST + b"\r\n")
            await read_until(process.stdout, b" 101 ")
            [protocol] = server.websockets
            await protocol.send("before")
            await read_until(process.stdout, b"before")
            process.stdin.write(b"K\n")
            await read_until(process.stdout, b"KEYUPDATE")
            await protocol.send("after")
            await read_until(process.stdout, b"after")
            process.stdin.write(masked(TEXT, b"from there"))
            assert await protocol.recv() == "from there"
