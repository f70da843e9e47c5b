"""
What connections on trio log, and with which logger.
"""

import logging

import pytest
from on_trio import (
    client_and_peer,
    connect,
    hold,
    on_trio,
    server_and_peer,
    serving,
    uri_of,
)
from peer import TEXT
from todays import Records


@on_trio
async def test_a_refusal_and_its_body():
    records = Records("DEBUG")

    def process_request(connection, request):
        return connection.respond(404, "nothing\n")

    async with serving(hold, logger=records.logger, process_request=process_request) as server:
        with pytest.raises(Exception, match="404"):
            async with connect(uri_of(server), logger=records.logger):
                pass
    for mark in "<>":
        assert f"DEBUG {mark} [body] (8 bytes)" in records.lines
    assert "INFO HTTP response sent (404 Not Found)" in records.lines


@on_trio
async def test_above_debug_clients_are_silent():
    records = Records()
    async with client_and_peer(logger=records.logger) as (ws, peer):
        assert not ws.debug
        await peer.send(TEXT, b"\xff")
        await peer.close()
        await ws.wait_closed()
    assert records.lines == []


@on_trio
async def test_records_know_their_connection():
    records = Records()
    async with server_and_peer(logger=records.logger) as (ws, peer):
        pass
    opened, *_ = [record for record in records.records if record.getMessage() == "connection open"]
    assert opened.websocket.id == ws.id == ws.protocol.id
    assert opened.websocket.request.path == "/chat?room=1"
    assert opened.websocket.remote_address is None


@on_trio
async def test_an_adapter_of_the_program():
    records = Records()
    seen = []

    class Adapter(logging.LoggerAdapter):
        def process(self, message, kwargs):
            websocket = kwargs.get("extra", {}).get("websocket")
            seen.append((message, websocket and websocket.request.path))
            return message, kwargs

    logger = Adapter(records.logger, {})
    async with server_and_peer(logger=logger) as (ws, peer):
        await peer.close()
        await ws.wait_closed()
    assert ("connection open", "/chat?room=1") in seen
    assert ("connection closed", "/chat?room=1") in seen
    assert ("server closing", None) in seen
    assert ws.logger.logger is logger
