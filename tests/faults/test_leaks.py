"""
Nothing is kept: no handler, no transport, no message, no large buffer.
"""

import asyncio
import gc
import logging
import sys
import weakref

import pytest
from endpoints import measured
from peer import BINARY, TEXT, both_sides, frame, port_of, turns

import websockets


class Witness:
    """Something that a handler refers to, which tells when the handler's frame is gone."""


@pytest.mark.parametrize("how", ["returns", "recv raises", "raises", "cut", "refused"])
@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_handlers_and_transports_are_freed_without_the_garbage_collector(
    how, tls, certificates, caplog
):
    caplog.set_level(logging.CRITICAL)
    dead = {}

    async def handler(ws, path):
        witness = Witness()
        dead.update(handler=weakref.ref(witness), protocol=weakref.ref(ws))
        if how in ("recv raises", "cut"):
            await ws.recv()
        if how == "raises":
            raise ZeroDivisionError

    class Refusing(websockets.WebSocketServerProtocol):
        async def process_request(self, path, request_headers):
            witness = Witness()
            dead.update(handler=weakref.ref(witness), protocol=weakref.ref(self))
            raise websockets.InvalidHandshake("no")

    options = {"create_protocol": Refusing} if how == "refused" else {}
    kwargs = {}
    if tls:
        options["ssl"] = certificates.server_context()
        kwargs["ssl"] = certificates.client_context()
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        uri = f"{'wss' if tls else 'ws'}://127.0.0.1:{port_of(server)}"
        gc.collect()
        gc.disable()
        try:
            if how == "refused":
                with pytest.raises(websockets.InvalidStatusCode):
                    await websockets.connect(uri, **kwargs)
            else:
                ws = await websockets.connect(uri, **kwargs)
                if how == "cut":
                    ws.transport.abort()
                elif how == "recv raises":
                    await ws.close()
                await ws.wait_closed()
                ws = None
            while server.websockets:
                await asyncio.sleep(0)
            await turns()
            assert [reference() for reference in dead.values()] == [None, None]
        finally:
            gc.enable()


@both_sides
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [1000, 1_000_000])
async def test_an_idle_connection_does_not_refer_to_its_last_message(connection, opcode, size):
    async with connection() as (ws, peer):
        receiving = asyncio.ensure_future(ws.recv())
        peer.send(opcode, b"x" * size)
        message = await receiving
        del receiving
        await turns()
        assert sys.getrefcount(message) <= 2
        message = bytes(size) if opcode == BINARY else "x" * size
        references = sys.getrefcount(message)
        await ws.send(message)
        await peer.read()
        await turns()
        assert sys.getrefcount(message) <= references


@both_sides
@pytest.mark.parametrize("pieces", [1, 1000])
async def test_an_idle_connection_keeps_no_large_buffer(connection, pieces):
    async with connection() as (ws, peer):
        wire = frame(BINARY, bytes(1_000_000), masked=peer.masked)
        step = -(-len(wire) // pieces)
        with measured() as memory:
            for start in range(0, len(wire), step):
                ws.data_received(wire[start : start + step])
            await ws.recv()
        assert memory.kept < 8192
