"""GraphQL subscriptions: ``gql`` asks for a subprotocol, and reads the handshake's headers."""

import json

from gql import Client, gql
from gql.transport.exceptions import (
    TransportConnectionFailed,
    TransportProtocolError,
    TransportQueryError,
)
from gql.transport.websockets import WebsocketsTransport
from loopback import main, raises, refusing, scenario, serving

import websockets

SUBSCRIPTION = gql("subscription { tick }")
MODERN = "graphql-transport-ws"
FORMER = "graphql-ws"


async def told(connection):
    return json.loads(await connection.recv())


async def tell(connection, **message):
    await connection.send(json.dumps(message))


async def begin(connection):
    assert (await told(connection))["type"] == "connection_init"
    await tell(connection, type="connection_ack")
    return await told(connection)


@scenario
async def a_subscription():
    async def peer(connection):
        assert connection.request.headers["X-Key"] == "secret"
        assert connection.subprotocol == MODERN
        request = await begin(connection)
        assert request["type"] == "subscribe"
        for number in range(3):
            data = {"tick": number}
            await tell(connection, type="next", id=request["id"], payload={"data": data})
        await tell(connection, type="complete", id=request["id"])
        await connection.wait_closed()
        assert connection.close_code == 1000

    async with serving(peer, subprotocols=[MODERN]) as address:
        transport = WebsocketsTransport(url=address, headers={"X-Key": "secret"})
        async with Client(transport=transport) as session:
            assert transport.response_headers["Sec-WebSocket-Protocol"] == MODERN
            ticks = [result["tick"] async for result in session.subscribe(SUBSCRIPTION)]
        assert ticks == [0, 1, 2]


@scenario
async def a_query_and_an_error_over_the_former_subprotocol():
    async def peer(connection):
        assert connection.subprotocol == FORMER
        request = await begin(connection)
        assert request["type"] == "start"
        await tell(connection, type="data", id=request["id"], payload={"data": {"name": "é" * 9}})
        await tell(connection, type="complete", id=request["id"])
        request = await told(connection)
        while request["type"] != "start":
            request = await told(connection)
        await tell(connection, type="error", id=request["id"], payload={"message": "no such"})
        await connection.wait_closed()

    async with serving(peer, subprotocols=[FORMER]) as address:
        async with Client(transport=WebsocketsTransport(url=address)) as session:
            assert await session.execute(gql("query { name }")) == {"name": "é" * 9}
            with raises(TransportQueryError) as caught:
                await session.execute(gql("query { other }"))
            assert "no such" in str(caught.exception)


@scenario
async def the_server_refuses():
    async def peer(connection):
        raise AssertionError("refused connections have no handler")

    async with serving(peer, process_request=refusing(403)) as address:
        with raises(TransportConnectionFailed) as caught:
            await Client(transport=WebsocketsTransport(url=address)).connect_async()
        assert isinstance(caught.exception.__cause__, websockets.InvalidStatus)
        assert caught.exception.__cause__.response.status_code == 403


@scenario
async def the_server_ends_in_the_middle():
    async def closes(connection):
        request = await begin(connection)
        await tell(connection, type="next", id=request["id"], payload={"data": {"tick": 1}})
        await connection.close(4500, "broken")

    async def breaks(connection):
        request = await begin(connection)
        await tell(connection, type="next", id=request["id"], payload={"data": {"tick": 1}})
        connection.transport.abort()

    for peer, code in (closes, 4500), (breaks, 1006):
        ticks = []
        async with serving(peer, subprotocols=[MODERN]) as address:
            transport = WebsocketsTransport(url=address)
            async with Client(transport=transport) as session:
                with raises(TransportConnectionFailed) as caught:
                    async for result in session.subscribe(SUBSCRIPTION):
                        ticks.append(result["tick"])
            cause = caught.exception.__cause__
            assert isinstance(cause, websockets.ConnectionClosedError), repr(cause)
            assert (cause.rcvd.code if cause.rcvd else 1006) == code
        assert ticks == [1]


@scenario
async def the_server_says_nonsense():
    async def peer(connection):
        assert (await told(connection))["type"] == "connection_init"
        await tell(connection, type="what")
        await connection.wait_closed()

    async with serving(peer, subprotocols=[MODERN]) as address:
        with raises(TransportProtocolError):
            await Client(transport=WebsocketsTransport(url=address)).connect_async()


@scenario
async def its_own_pings_and_pongs():
    async def peer(connection):
        assert (await told(connection))["type"] == "connection_init"
        await tell(connection, type="connection_ack")
        await tell(connection, type="ping", payload="one")
        assert (await told(connection))["type"] == "pong"
        assert (await told(connection))["type"] == "ping"
        await tell(connection, type="pong")
        await connection.wait_closed()

    async with serving(peer, subprotocols=[MODERN]) as address:
        transport = WebsocketsTransport(url=address)
        async with Client(transport=transport):
            await transport.ping_received.wait()
            await transport.send_ping()
            await transport.pong_received.wait()


if __name__ == "__main__":
    main()
