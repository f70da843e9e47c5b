"""
TLS of others: asyncio's own, and OpenSSL's programs.
"""

import asyncio
import contextlib
import shutil
import sys

import pytest
from peer import CLOSE, REQUEST, TEXT, close_payload, frame, hold, port_of
from stranger import connecting, masked, serving

from websockets.handshake import build_response
from websockets.http import Headers


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
