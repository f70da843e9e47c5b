"""
Other people's programs, which tests start: browsers, proxies, databases.

A test that needs one skips where it isn't installed, unless WEBSOCKETS_REQUIRE_PROGRAMS is set.
"""

import asyncio
import contextlib
import os
import random
import shutil
import socket

import pytest
from variants import switched_on

PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])  # where Debian has servers
DEADLINE = 20  # seconds for what should take a fraction of one


def need(name, optional=False):
    """
    Return where a program is; skip the test if it is nowhere.

    Arguments:
        name: of the program.
        optional: whether it need not be there, even if programs are required.
    """
    path = shutil.which(name, path=PATH)
    if path is None:
        required = switched_on("WEBSOCKETS_REQUIRE_PROGRAMS") and not optional
        report = pytest.fail if required else pytest.skip
        report(f"{name} isn't installed")
    return path


def free_port():
    """
    Return a port that nobody listens on, for a program that can't be told to choose one.

    It is none of those that systems choose from, which others may be given before the program begins.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_768)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextlib.asynccontextmanager
async def started(*command, **options):
    """Start a program, whose standard output is a pipe; kill it if it is still there at the end."""
    process = await asyncio.create_subprocess_exec(
        *command, **{"stdout": asyncio.subprocess.PIPE, **options}
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def line_with(stream, word):
    """Wait until a program prints a line with this word, and return it."""

    async def read():
        async for line in stream:
            if word in line.decode(errors="replace"):
                return line.decode().strip()
        raise AssertionError(f"the program ended without a line with {word!r}")

    return await asyncio.wait_for(read(), DEADLINE)
