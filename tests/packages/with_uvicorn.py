"""
uvicorn with all that it serves WebSocket with here.

These are its own implementations, sans-I/O and with the older server's protocol, and our protocol
``websockets.asgi``, which it is given by name. Release 0.30 has the older one alone.
"""

import asyncio
import functools
import importlib.util
import socket
import sys

import asgi_host
from loopback import main, raises, scenario
from uvicorn_host import ASGI, HAS_ASGI, uvicorn_hosting

import websockets
from websockets.asyncio.client import connect

HAS_SANS_IO = (
    importlib.util.find_spec("uvicorn.protocols.websockets.websockets_sansio_impl") is not None
)

HOSTS = {"older_": functools.partial(uvicorn_hosting, ws="websockets")}
if HAS_SANS_IO:
    HOSTS["sans_io_"] = functools.partial(uvicorn_hosting, ws="auto")
if HAS_ASGI:
    HOSTS["asgi_"] = functools.partial(uvicorn_hosting, ws=ASGI)


def more(hosting, title):
    """Register what this release does beyond the scenarios of all hosts."""

    def of_this_host(function):
        function.__name__ = title + function.__name__
        return scenario(function)

    @of_this_host
    async def a_server_that_is_shut_down():
        async with hosting(asgi_host.echoing) as address:
            ws = await connect(address)
            await ws.send("x")
            assert await ws.recv() == "x"
        with raises(websockets.ConnectionClosedError):
            await ws.recv()
        assert ws.close_code == 1012

    @of_this_host
    async def a_response_instead():
        async def application(scope, receive, send):
            assert (await receive())["type"] == "websocket.connect"
            assert "websocket.http.response" in scope["extensions"]
            headers = [(b"x-key", b"1")]
            kind = "websocket.http.response"
            await send({"type": f"{kind}.start", "status": 418, "headers": headers})
            await send({"type": f"{kind}.body", "body": b"tea", "more_body": True})
            await send({"type": f"{kind}.body", "body": b"pot"})

        async with hosting(application) as address:
            with raises(websockets.InvalidStatus) as caught:
                await connect(address)
        response = caught.exception.response
        assert (response.status_code, response.body) == (418, b"teapot")
        assert response.headers["X-Key"] == "1"

    @of_this_host
    async def headers_of_the_answer():
        # The older protocol says in UTF-8 what the application says in ISO-8859-1.
        value = "a" if title == "older_" else "\xe9"

        async def application(scope, receive, send):
            headers = [(b"set-cookie", value.encode("latin-1")), (b"x", b"y")]
            await asgi_host.accept(receive, send, headers=headers)
            await asgi_host.echo(receive, send)

        async with hosting(application) as address, connect(address) as ws:
            assert ws.response.headers["Set-Cookie"] == value
            assert ws.response.headers["X"] == "y"
            assert ws.response.headers["Server"] == "uvicorn"
            assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]

    @of_this_host
    async def reasons():
        async def application(scope, receive, send):
            await asgi_host.accept(receive, send)
            event = await receive()
            reason = event["text"]
            await send({"type": "websocket.close", "code": 3456, "reason": reason})

        async with hosting(application) as address, connect(address) as ws:
            await ws.send("é" * 60)
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (3456, "é" * 60)

    @of_this_host
    async def a_message_that_is_too_large():
        async with hosting(asgi_host.echoing, ws_max_size=1000) as address:
            for compression in "deflate", None:
                async with connect(address, compression=compression) as ws:
                    await ws.send("x" * 1000)
                    assert await ws.recv() == "x" * 1000
                    await ws.send("x" * 1001)
                    with raises(websockets.ConnectionClosedError):
                        await ws.recv()
                    assert ws.close_code == 1009

    @of_this_host
    async def without_compression():
        async with hosting(asgi_host.echoing, ws_per_message_deflate=False) as address:
            async with connect(address) as ws:
                assert "Sec-WebSocket-Extensions" not in ws.response.headers
                await ws.send("x" * 100_000)
                assert await ws.recv() == "x" * 100_000

    @of_this_host
    async def keepalive():
        async with hosting(asgi_host.echoing, ws_ping_interval=0.01) as address:
            async with connect(address) as ws:
                for _ in range(5):
                    await (await ws.ping())
                await ws.send("still here")
                assert await ws.recv() == "still here"


async def by_the_command_line():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.set_inheritable(True)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *["-m", "uvicorn", "asgi_host:echoing", "--ws", ASGI, "--fd", str(sock.fileno())],
        *["--lifespan", "off", "--log-level", "info", "--ws-max-size", "1000"],
        stderr=asyncio.subprocess.PIPE,
        cwd=asgi_host.__file__.rpartition("/")[0],
        close_fds=False,
    )
    try:
        async with connect(f"ws://127.0.0.1:{sock.getsockname()[1]}/a?b") as ws:
            await ws.send("x" * 1000)
            assert await ws.recv() == "x" * 1000
            process.terminate()
            with raises(websockets.ConnectionClosedError):
                await ws.recv()
            assert ws.close_code == 1012
    finally:
        if process.returncode is None:
            log = (await process.stderr.read()).decode()
            await process.wait()
    assert '"WebSocket /a?b" [accepted]' in log
    assert "Finished server process" in log


async def behind_a_proxy():
    async def application(scope, receive, send):
        await asgi_host.accept(receive, send)
        await send({"type": "websocket.send", "text": f"{scope['scheme']} {scope['client'][0]}"})

    async with uvicorn_hosting(application, ws=ASGI, proxy_headers=True) as address:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
        async with connect(address, additional_headers=headers) as ws:
            assert await ws.recv() == "wss 192.0.2.1"


async def with_each_parser_of_http():
    for http in "h11", "httptools":
        if importlib.util.find_spec(http) is None:
            continue
        async with uvicorn_hosting(
            asgi_host.echoing, ws=ASGI, http=http, headers=[("X-Usual", "1")]
        ) as address:
            async with connect(address) as ws:
                assert ws.response.headers.get_all("Server") == ["uvicorn"]
                assert len(ws.response.headers.get_all("Date")) == 1
                assert ws.response.headers["X-Usual"] == "1"
                await ws.send("x")
                assert await ws.recv() == "x"


async def connections_are_counted():
    counted = []

    async def application(scope, receive, send):
        counted.append((len(state().connections), len(state().tasks)))
        await asgi_host.accept(receive, send)
        await asgi_host.echo(receive, send)

    def state():
        return servers[0].server_state

    import uvicorn_host

    servers = []

    class Noted(uvicorn_host.Server):
        def __init__(self, config):
            super().__init__(config)
            servers.append(self)

    usual, uvicorn_host.Server = uvicorn_host.Server, Noted
    try:
        async with uvicorn_hosting(application, ws=ASGI) as address:
            async with connect(address), connect(address):
                pass
            while state().connections or state().tasks:
                await asyncio.sleep(0)
    finally:
        uvicorn_host.Server = usual
    assert counted == [(1, 1), (2, 2)], counted


if HAS_ASGI:
    scenario(behind_a_proxy)
    scenario(with_each_parser_of_http)
    scenario(connections_are_counted)
    if HAS_SANS_IO:
        # Old releases don't take other names than their own.
        scenario(by_the_command_line)


for title, hosting in HOSTS.items():
    asgi_host.all_hosts(hosting, title)
    more(hosting, title)


if __name__ == "__main__":
    main()
