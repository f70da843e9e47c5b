"""
``yt_dlp`` compares versions, and drives the client for threads over a socket that it has opened.
"""

import asyncio

from loopback import main, raises, refusing, scenario, serving
from yt_dlp import YoutubeDL
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, TransportError


async def peer(connection):
    assert connection.request.headers["X-Key"] == "1"
    async for message in connection:
        if message == "fail":
            await connection.close(1011, "broken")
        elif message == "break":
            connection.transport.abort()
        else:
            await connection.send(message)


def opened(program, address):
    return program.urlopen(Request(f"{address}/live?a=b", headers={"X-Key": "1"}))


def downloader():
    return YoutubeDL({"quiet": True, "verbose": False, "proxy": ""})


@scenario
async def it_starts():
    """It asks for at least 13.0, and takes each part of the version for a number."""
    with downloader() as program:
        assert program.urlopen(Request("data:,x")).read() == b"x"


@scenario
async def a_conversation():
    def talk(address):
        with downloader() as program:
            response = opened(program, address)
            assert (response.status, response.reason) == (101, "Switching Protocols")
            assert response.headers["Upgrade"] == "websocket"
            assert response.read() == b""
            for message in "é" * 200_000, b"\xff" * 200_000, "":
                response.send(message)
                assert response.recv() == message
            response.close()

    async with serving(peer) as address:
        await asyncio.to_thread(talk, address)


@scenario
async def the_peer_ends():
    def talk(address, message):
        with downloader() as program:
            response = opened(program, address)
            response.send(message)
            with raises(TransportError) as caught:
                response.recv()
            response.close()
            return caught.exception.cause

    async with serving(peer) as address:
        assert (await asyncio.to_thread(talk, address, "fail")).rcvd.code == 1011
        assert (await asyncio.to_thread(talk, address, "break")).rcvd is None


@scenario
async def the_peer_refuses():
    def talk(address):
        with downloader() as program, raises(HTTPError) as caught:
            opened(program, address)
        return caught.exception

    async with serving(peer, process_request=refusing(403)) as address:
        error = await asyncio.to_thread(talk, address)
        assert (error.status, error.response.read()) == (403, b"refused")


if __name__ == "__main__":
    main()
