"""
Networks that fail under a connection: quiet, with the right close code, at any moment.
"""

import asyncio
import contextlib
import logging
import os
import socket

import pytest
from peer import REQUEST, TEXT, both_sides, echo, port_of, tcp_to, turns, uri_of
from transports import DeadTransport

import websockets


@pytest.mark.parametrize("lost", [None, TimeoutError, ConnectionResetError])
@pytest.mark.parametrize("error", [OSError(107, "not connected"), ConnectionResetError()])
async def test_a_socket_that_is_gone_when_its_end_is_announced(error, lost, caplog):
    caplog.set_level(logging.WARNING)
    transport = DeadTransport(error)
    ws = websockets.WebSocketCommonProtocol(ping_interval=None)
    ws.connection_made(transport)
    ws.connection_open()
    assert ws.remote_address is None and ws.local_address is None
    ws.data_received(b"\xff\xff")
    assert transport.closed
    ws.connection_lost(lost and lost())
    assert (ws.close_code, ws.closed) == (1006, True)
    await ws.close()
    assert not caplog.records


@pytest.mark.parametrize("lost", [TimeoutError, ConnectionResetError, BrokenPipeError, OSError])
async def test_a_lost_network_is_a_quiet_1006(lost, caplog):
    caplog.set_level(logging.WARNING)
    ws = websockets.WebSocketCommonProtocol(ping_interval=None)
    ws.connection_made(DeadTransport(OSError()))
    ws.connection_open()
    receiving = asyncio.ensure_future(ws.recv())
    await turns()
    ws.connection_lost(lost("on purpose"))
    with pytest.raises(websockets.ConnectionClosedError) as error:
        await receiving
    assert error.value.code == 1006 and isinstance(error.value.__cause__, lost)
    assert not caplog.records


@both_sides
async def test_a_transport_that_was_aborted_can_be_asked_anything(connection):
    async with connection() as (ws, peer):
        ws.transport.abort()
        for _ in range(2):
            assert isinstance(ws.remote_address, (tuple, type(None)))
            assert isinstance(ws.local_address, (tuple, type(None)))
            ws.fail_connection(1011)
            ws.transport.abort()
            repr(ws)
            await ws.close()
            await ws.wait_closed()
        assert ws.close_code == 1006


@both_sides
@pytest.mark.parametrize("how", ["close", "fail", "send", "ping", "violation"])
async def test_a_socket_that_was_shut_down_under_the_transport(connection, how, caplog):
    async with connection(close_timeout=0.05) as (ws, peer):
        peer.writer.transport.abort()
        duplicate = socket.socket(fileno=os.dup(ws.transport.get_extra_info("socket").fileno()))
        with contextlib.suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)
        duplicate.close()
        if how == "close":
            await ws.close()
        elif how == "fail":
            ws.fail_connection(1011)
        elif how == "violation":
            ws.data_received(b"\xff\xff")
        else:
            with contextlib.suppress(websockets.ConnectionClosed):
                await (ws.send(b"x" * 1_000_000) if how == "send" else ws.ping())
        await ws.wait_closed()
        assert ws.close_code == 1006
    assert not caplog.records


async def test_a_client_without_tls_at_a_port_with_tls_is_quiet(certificates, caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"\r\n")
            await peer.read_eof()
        with pytest.raises((websockets.InvalidHandshake, OSError)):
            await websockets.connect(uri_of(server))
        async with websockets.connect(
            uri_of(server).replace("ws:", "wss:"), ssl=certificates.client_context()
        ) as ws:
            await ws.send("fine")
            assert await ws.recv() == "fine"
    assert not caplog.records


async def test_a_tls_connection_that_is_cut_is_quiet(certificates, caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context()) as server:
        ws = await websockets.connect(
            f"wss://127.0.0.1:{port_of(server)}", ssl=certificates.client_context()
        )
        [protocol] = server.websockets
        sock = ws.transport.get_extra_info("socket")
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        # Bytes that are no TLS record.
        duplicate.setblocking(True)
        duplicate.sendall(b"garbage" * 10)
        duplicate.close()
        await asyncio.gather(protocol.wait_closed(), ws.wait_closed())
        assert protocol.close_code == ws.close_code == 1006
    assert not caplog.records


async def test_compressed_garbage_is_a_quiet_1002(caplog):
    caplog.set_level(logging.WARNING)
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        async with tcp_to(port_of(server)) as peer:
            peer.write(REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            await peer.read_head()
            peer.send(TEXT, b"\xff" * 20, rsv=4)
            assert (await peer.read_close())[0] == 1002
    assert not caplog.records
