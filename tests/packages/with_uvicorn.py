"""uvicorn of today, with both of its implementations: sans-I/O, and the older server's protocol."""

import functools

import asgi_host
from loopback import main, raises, scenario
from uvicorn_host import uvicorn_hosting

import websockets
from websockets.asyncio.client import connect

HOSTS = {
    "sans_io_": functools.partial(uvicorn_hosting, ws="auto"),
    "older_": functools.partial(uvicorn_hosting, ws="websockets"),
}


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


for title, hosting in HOSTS.items():
    asgi_host.all_hosts(hosting, title)
    more(hosting, title)


if __name__ == "__main__":
    main()
