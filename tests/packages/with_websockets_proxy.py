"""Through a proxy: ``websockets_proxy`` subclasses ``Connect``, and awaits it in a way of its own."""

import asyncio
import contextlib

from loopback import main, raises, refusing, scenario, serving
from websockets_proxy import Proxy, proxy_connect

import websockets


async def pump(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def proxying(status="200 OK"):
    """Serve as a proxy; give it, and a list of the requests that it gets."""
    requests = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(head.splitlines()[0])
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status == "200 OK":
            there = await asyncio.open_connection(*requests[-1].split()[1].split(":"))
            await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Proxy.from_url(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), requests
    finally:
        server.close()


async def echo(connection):
    async for message in connection:
        await connection.send(message)


@scenario
async def messages_both_ways():
    async with serving(echo, subprotocols=["chat"]) as address, proxying() as (proxy, requests):
        async with proxy_connect(f"{address}/path", proxy=proxy, subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            for message in "é" * 100_000, b"\0" * 1_000_000:
                await ws.send(message)
                assert await ws.recv() == message
        assert ws.closed and ws.close_code == 1000
        ws = await proxy_connect(address, proxy=proxy, proxy_conn_timeout=5, subprotocols=["chat"])
        await ws.close()
        where = address.partition("://")[2]
        assert requests == [f"CONNECT {where} HTTP/1.1"] * 2


@scenario
async def the_server_refuses():
    async with serving(echo, process_request=refusing(403)) as address, proxying() as (proxy, _):
        with raises(websockets.InvalidStatusCode) as caught:
            await proxy_connect(address, proxy=proxy)
        assert caught.exception.status_code == 403


@scenario
async def the_proxy_refuses():
    async with proxying("403 Forbidden") as (proxy, requests):
        with raises(Exception) as caught:
            await proxy_connect("ws://127.0.0.1:9", proxy=proxy)
        assert type(caught.exception).__name__ == "ProxyError"
        assert len(requests) == 1


if __name__ == "__main__":
    main()
