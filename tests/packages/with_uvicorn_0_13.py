"""uvicorn 0.13 with ``ws="websockets"``, which subclasses the server's protocol of that time."""

import asyncio
import contextlib
import socket

import asgi_host
import uvicorn
import websockets
from loopback import main, raises, scenario
from websockets.asyncio.client import connect


class Server(uvicorn.Server):
    def install_signal_handlers(self):
        pass


@contextlib.asynccontextmanager
async def hosting(application, **settings):
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        application, ws="websockets", lifespan="off", log_level="critical", **settings
    )
    server = Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


asgi_host.all_hosts(hosting, largest=asgi_host.MEGABYTE)


@scenario
async def a_server_that_is_shut_down():
    """This one just closes TCP."""

    async def application(scope, receive, send):
        await asgi_host.accept(receive, send)
        await asgi_host.echo(receive, send)

    async with contextlib.AsyncExitStack() as stack:
        async with hosting(application) as address:
            ws = await stack.enter_async_context(connect(address))
            await ws.send("x")
            assert await ws.recv() == "x"
        with raises(websockets.ConnectionClosedError):
            await ws.recv()
        assert ws.close_code == 1006


if __name__ == "__main__":
    main()
