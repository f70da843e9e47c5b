"""
Messages over TLS: the pace at which bytes are taken, with peers that have another TLS.

Mangled records are in test_tls_faults.py.
"""

import asyncio
import contextlib
import os
import socket
import ssl

import pytest
from peer import BINARY, CLOSE, TEXT, close_payload, echo, frame, turns
from stranger import VERSIONS, connecting, every_version, masked, serving, stranger_at

import websockets


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


class Tiring(ssl.SSLObject):
    """OpenSSL that takes some records, and no more for a while."""

    left = 1000

    def write(self, data):
        if not self.left:
            raise ssl.SSLWantReadError
        self.left -= 1
        return super().write(data)


@pytest.mark.parametrize("taken", [1, 4, 5, 6, 11])
async def test_openssl_takes_the_beginning_of_a_message(taken, certificates):
    message = os.urandom(200_000)
    async with serving(certificates, echo, compression=None) as server:
        context = certificates.client_context()
        context.sslobject_class = Tiring
        async with connecting(server, certificates, ssl=context, compression=None) as ws:
            [protocol] = server.websockets
            tls = ws.transport.get_extra_info("ssl_object")
            tls.left = taken
            sending = asyncio.ensure_future(ws.send(message))
            await turns(5)
            assert ws.transport.get_write_buffer_size() > 200_000 - taken * 16_384
            tls.left = 1000
            await protocol.send("go on")
            assert await ws.recv() == "go on"
            await sending
            assert await ws.recv() == message


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
