"""A browser's DevTools by ``cdp_use``, which connects by the top level in today's language."""

import asyncio
import json

from cdp_use.client import CDPClient
from loopback import main, raises, refusing, scenario, serving

import websockets

PICTURE = "A" * 3_000_000


async def browser(connection):
    assert connection.request.headers["X-Key"] == "1"
    async for message in connection:
        told = json.loads(message)
        if told["method"] == "Browser.crash":
            connection.transport.abort()
        elif told["method"] == "Browser.close":
            await connection.close(1001)
        elif told["method"] == "Page.navigate":
            error = {"code": -32000, "message": "no such"}
            await connection.send(json.dumps({"id": told["id"], "error": error}))
        else:
            event = {"method": "Page.loadEventFired", "params": {"timestamp": 1.5}}
            await connection.send(json.dumps(event))
            result = {"data": PICTURE}
            await connection.send(json.dumps({"id": told["id"], "result": result}))


def client(address):
    return CDPClient(address, additional_headers={"X-Key": "1"})


@scenario
async def commands_and_events():
    async with serving(browser) as address, client(address) as cdp:
        events = asyncio.Queue()
        cdp.register.Page.loadEventFired(lambda event, session: events.put_nowait(event))
        picture = await cdp.send.Page.captureScreenshot()
        assert picture["data"] == PICTURE
        assert await events.get() == {"timestamp": 1.5}
        many = await asyncio.gather(*(cdp.send.Page.captureScreenshot() for _ in range(5)))
        assert [answer["data"] for answer in many] == [PICTURE] * 5
        with raises(RuntimeError) as caught:
            await cdp.send.Page.navigate({"url": "about:blank"})
        assert "no such" in str(caught.exception)


@scenario
async def the_browser_ends():
    async with serving(browser) as address:
        for command in "crash", "close":
            async with client(address) as cdp:
                with raises(ConnectionError):
                    await cdp.send_raw(f"Browser.{command}")


@scenario
async def the_browser_refuses():
    async with serving(browser, process_request=refusing(404)) as address:
        with raises(websockets.InvalidStatus) as caught:
            await client(address).start()
        assert caught.exception.response.status_code == 404


if __name__ == "__main__":
    main()
