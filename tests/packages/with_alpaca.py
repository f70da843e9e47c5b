"""Alpaca's streams: ``alpaca`` connects by ``websockets.legacy``, as 8.1's language has it."""

import asyncio

import msgpack
from alpaca.data.live import StockDataStream
from loopback import main, scenario, serving


def packed(*messages):
    return msgpack.packb(list(messages))


async def begin(connection):
    assert connection.request.headers["Content-Type"] == "application/msgpack"
    assert len(connection.request.headers.get_all("User-Agent")) == 1
    await connection.send(packed({"T": "success", "msg": "connected"}))
    told = msgpack.unpackb(await connection.recv())
    assert (told["key"], told["secret"]) == ("key", "secret")
    await connection.send(packed({"T": "success", "msg": "authenticated"}))
    told = msgpack.unpackb(await connection.recv())
    assert told["action"] == "subscribe" and told["trades"] == ("X",) or told["trades"] == ["X"]


async def trades_of(address, count, raw=True):
    heard = asyncio.Queue()

    async def handler(trade):
        heard.put_nowait(trade)

    stream = StockDataStream("key", "secret", raw_data=raw, url_override=address)
    stream._reconnect_min_backoff = 0.01
    stream.subscribe_trades(handler, "X")
    running = asyncio.ensure_future(stream._run_forever())
    trades = [await heard.get() for _ in range(count)]
    await stream.stop_ws()
    running.cancel()
    await asyncio.wait([running])
    await stream.close()
    return trades


@scenario
async def trades():
    async def peer(connection):
        await begin(connection)
        for number in range(10):
            await connection.send(packed(*[{"T": "t", "S": "X", "s": number}] * 100))
        await connection.wait_closed()

    async with serving(peer) as address:
        trades = await trades_of(address, 1000)
        assert [trade["s"] for trade in trades] == [number // 100 for number in range(1000)]


@scenario
async def it_connects_again():
    connections = []

    async def peer(connection):
        connections.append(connection)
        await begin(connection)
        await connection.send(packed({"T": "t", "S": "X", "s": len(connections)}))
        if len(connections) == 1:
            await connection.close(1011)
        elif len(connections) == 2:
            connection.transport.abort()
        await connection.wait_closed()

    async with serving(peer) as address:
        trades = await trades_of(address, 2)
        assert trades[0]["s"] == 1 and trades[1]["s"] > 1


if __name__ == "__main__":
    main()
