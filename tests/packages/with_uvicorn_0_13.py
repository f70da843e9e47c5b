"""uvicorn 0.13 with ``ws="websockets"``, which subclasses the server's protocol of that time."""

import functools

import asgi_host
from loopback import main, raises, scenario
from uvicorn_host import uvicorn_hosting

import websockets
from websockets.asyncio.client import connect

hosting = functools.partial(uvicorn_hosting, ws="websockets")

asgi_host.all_hosts(hosting, largest=asgi_host.MEGABYTE)


@scenario
async def a_server_that_is_shut_down():
    """This one just closes TCP."""
    async with hosting(asgi_host.echoing) as address:
        ws = await connect(address)
        await ws.send("x")
        assert await ws.recv() == "x"
    with raises(websockets.ConnectionClosedError):
        await ws.recv()
    assert ws.close_code == 1006


if __name__ == "__main__":
    main()
