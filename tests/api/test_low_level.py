"""
Servers and clients that programs make of the low-level functions.
"""

import asyncio

import pytest
from peer import CLOSE, TEXT, echo, port_of, uri_of

import websockets
from websockets.http import Headers, read_request, read_response


async def test_a_server_made_of_the_low_level_functions():
    async def accept(reader, writer):
        path, headers = await read_request(reader)
        key = websockets.check_request(headers)
        response = Headers()
        assert websockets.build_response(response, key) is None
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{response}".encode())
        while True:
            frame = await websockets.Frame.read(reader.readexactly, mask=True, max_size=100)
            if frame.opcode == CLOSE:
                code, reason = websockets.parse_close(frame.data)
                frame = frame._replace(data=websockets.serialize_close(code, reason[::-1]))
            frame.write(writer.write, mask=False)
            if frame.opcode == CLOSE:
                break
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with websockets.connect(uri_of(server), compression=None) as ws:
        for message in ("text", b"binary", ["in", "pieces"]):
            await ws.send(message)
            assert await ws.recv() == ("".join(message) if isinstance(message, list) else message)
        await ws.close(4000, "abc")
        assert (ws.close_code, ws.close_reason) == (4000, "cba")
    server.close()
    await server.wait_closed()


async def test_a_client_made_of_the_low_level_functions():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        uri = websockets.parse_uri("ws://localhost/chat")
        headers = Headers(Host=uri.host)
        key = websockets.build_request(headers)
        writer.write(f"GET {uri.resource_name} HTTP/1.1\r\n{headers}".encode())
        status, reason, response = await read_response(reader)
        assert (status, reason) == (101, "Switching Protocols")
        assert websockets.check_response(response, key) is None
        opcode, data = websockets.prepare_data("text")
        websockets.Frame(fin=True, opcode=opcode, data=data).write(writer.write, mask=True)
        frame = await websockets.Frame.read(reader.readexactly, mask=False)
        assert frame == websockets.Frame(fin=True, opcode=TEXT, data=b"text")
        data = websockets.serialize_close(1000, "")
        websockets.Frame(fin=True, opcode=CLOSE, data=data).write(writer.write, mask=True)
        frame = await websockets.Frame.read(reader.readexactly, mask=False)
        assert websockets.parse_close(frame.data) == (1000, "")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


def test_an_invalid_uri_is_a_value_error():
    with pytest.raises(ValueError, match="http://localhost"):
        websockets.parse_uri("http://localhost/")
