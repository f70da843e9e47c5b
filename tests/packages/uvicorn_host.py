"""A server of uvicorn's, whichever release, in the event loop of the scenario."""

import asyncio
import contextlib
import functools
import importlib.util
import socket

import uvicorn
from loopback import scenario

ASGI = "websockets.asgi:WebSocketProtocol"

# The distribution has no such module.
HAS_ASGI = importlib.util.find_spec("websockets.asgi") is not None


class Server(uvicorn.Server):
    """One that leaves signals alone, as old releases don't."""

    def install_signal_handlers(self):
        pass


@contextlib.asynccontextmanager
async def uvicorn_hosting(application, **settings):
    """Host an application, and give the address as ``ws://127.0.0.1:PORT``."""
    sock = socket.create_server(("127.0.0.1", 0))
    settings = {"lifespan": "off", "log_level": "critical", **settings}
    if settings.get("ws") == ASGI:
        # Old releases take nothing but the class.
        from websockets.asgi import WebSocketProtocol

        settings["ws"] = WebSocketProtocol
    server = Server(uvicorn.Config(application, **settings))
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def hosted(function):
    """Register a scenario that is given ``hosting``, for uvicorn as it is and with our protocol."""
    for title, ws in ("", "auto"), ("asgi_", ASGI):
        if ws == "auto" or HAS_ASGI:
            of_this_host = functools.partial(function, functools.partial(uvicorn_hosting, ws=ws))
            name = title + function.__name__

            async def run(of_this_host=of_this_host):
                await of_this_host()

            run.__name__ = name
            scenario(run)
    return function
