"""
``yfinance`` streams prices: from threads without a context manager, and from coroutines.
"""

import asyncio
import base64
import json

import yfinance
from loopback import main, raises, refusing, scenario, serving
from yfinance.pricing_pb2 import PricingData


def price(symbol, value):
    data = base64.b64encode(PricingData(id=symbol, price=value).SerializeToString()).decode()
    return json.dumps({"type": "pricing", "message": data})


async def prices(connection):
    """Send prices of what is subscribed to, until all is unsubscribed."""
    async for message in connection:
        wish = json.loads(message)
        for number in range(3 if "subscribe" in wish else 0):
            for symbol in sorted(wish["subscribe"]):
                await connection.send(price(symbol, number + 0.5))
        if "unsubscribe" in wish:
            await connection.close()


@scenario
async def prices_in_a_thread():
    def talk(address):
        told = []

        def handle(data):
            told.append((data["id"], data["price"]))
            if len(told) == 6:
                raise KeyboardInterrupt

        with yfinance.WebSocket(address, verbose=False) as stream:
            stream.subscribe(["A", "B"])
            stream.listen(handle)
        return told

    async with serving(prices) as address:
        told = await asyncio.to_thread(talk, address)
        assert told == [(symbol, number + 0.5) for number in range(3) for symbol in "AB"]


@scenario
async def the_peer_ends_in_a_thread():
    def talk(address):
        yfinance.config.debug.hide_exceptions = False
        stream = yfinance.WebSocket(address, verbose=False)
        stream.subscribe("A")
        stream.unsubscribe("A")
        told = []
        with raises(Exception) as caught:
            stream.listen(lambda data: told.append(data["id"]))
        stream.close()
        return told, caught.exception

    async with serving(prices) as address:
        told, error = await asyncio.to_thread(talk, address)
    assert told == ["A"] * 3
    assert type(error).__name__ == "ConnectionClosedOK" and error.rcvd.code == 1000


@scenario
async def prices_in_a_coroutine():
    told = []
    async with serving(prices) as address:
        async with yfinance.AsyncWebSocket(address, verbose=False) as stream:
            await stream.subscribe(["A"])
            enough = asyncio.Event()

            def handle(data):
                told.append((data["id"], data["price"]))
                if len(told) == 3:
                    enough.set()

            listening = asyncio.ensure_future(stream.listen(handle))
            await enough.wait()
            listening.cancel()
            await listening
    assert told == [("A", number + 0.5) for number in range(3)]


@scenario
async def the_peer_refuses():
    def talk(address):
        with raises(Exception) as caught:
            yfinance.WebSocket(address, verbose=False).subscribe("A")
        return caught.exception

    async with serving(prices, process_request=refusing(403)) as address:
        error = await asyncio.to_thread(talk, address)
        assert type(error).__name__ == "InvalidStatus" and error.response.status_code == 403


if __name__ == "__main__":
    main()
