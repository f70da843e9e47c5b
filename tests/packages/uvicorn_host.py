"""A server of uvicorn's, whichever release, in the event loop of the scenario."""

import asyncio
import contextlib
import socket

import uvicorn


class Server(uvicorn.Server):
    """One that leaves signals alone, as old releases don't."""

    def install_signal_handlers(self):
        pass


@contextlib.asynccontextmanager
async def uvicorn_hosting(application, **settings):
    """Host an application, and give the address as ``ws://127.0.0.1:PORT``."""
    sock = socket.create_server(("127.0.0.1", 0))
    settings = {"lifespan": "off", "log_level": "critical", **settings}
    server = Server(uvicorn.Config(application, **settings))
    serving = asyncio.ensure_future(server.serve(sockets=[sock]))
    try:
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
