"""
Which logger is told what.
"""

import logging

import pytest
from peer import both_sides, hold, port_of

import websockets


@both_sides
async def test_logger(connection, caplog):
    logger = logging.getLogger("mine")
    async with connection(logger=logger) as (ws, peer):
        assert ws.logger is logger


async def test_a_handler_that_fails_is_logged_where_one_wants(caplog):
    async def handler(ws):
        raise ZeroDivisionError("on purpose")

    async with websockets.serve(
        handler, "127.0.0.1", 0, logger=logging.getLogger("mine")
    ) as server:
        async with websockets.connect(f"ws://127.0.0.1:{port_of(server)}") as ws:
            with pytest.raises(websockets.ConnectionClosedError):
                await ws.recv()
    assert [record.name for record in caplog.records if record.exc_info] == ["mine"]


def test_default_loggers():
    names = {
        websockets.WebSocketCommonProtocol: "websockets.protocol",
        websockets.WebSocketServerProtocol: "websockets.server",
        websockets.WebSocketClientProtocol: "websockets.client",
    }
    for cls, name in names.items():
        arguments = (hold, None) if cls is websockets.WebSocketServerProtocol else ()
        assert cls(*arguments).logger.name == name
