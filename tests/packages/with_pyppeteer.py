"""
``pyppeteer`` talks to a browser's DevTools; here to a peer that says what a browser would.

Old releases call ``websockets.client.connect(..., loop=...)`` and use the result's ``recv()``.
"""

import asyncio
import base64
import json

import pyppeteer
from loopback import main, raises, refusing, scenario, serving
from pyppeteer.errors import NetworkError

PICTURE = base64.b64encode(bytes(3_000_000)).decode()
TARGET = {"targetId": "T", "type": "page", "title": "", "url": "about:blank", "attached": False}
FRAME = {"id": "T", "loaderId": "L", "url": "about:blank", "mimeType": "text/html"}
CONTEXT = {"id": 1, "origin": "", "name": "", "auxData": {"frameId": "T", "isDefault": True}}

ANSWERS = {
    "Browser.getVersion": {"product": "Chrome/1", "userAgent": "é"},
    "Page.captureScreenshot": {"data": PICTURE},
    "Page.getFrameTree": {"frameTree": {"frame": FRAME}},
    "Page.addScriptToEvaluateOnNewDocument": {"identifier": "1"},
    "Runtime.evaluate": {"result": {"type": "number", "value": 42}},
    "Runtime.callFunctionOn": {"result": {"type": "number", "value": 42}},
    "Target.attachToTarget": {"sessionId": "S"},
    "Target.createTarget": {"targetId": "T"},
    "Target.getBrowserContexts": {"browserContextIds": []},
}


async def browser(connection):
    """Answer commands, those of a page as well, and say what a browser says beside."""

    async def event(method, params):
        await connection.send(json.dumps({"method": method, "params": params}))

    async def of_the_page(message):
        params = {"sessionId": "S", "targetId": "T", "message": json.dumps(message)}
        await event("Target.receivedMessageFromTarget", params)

    async for message in connection:
        told = json.loads(message)
        method = told["method"]
        if method == "Browser.crash":
            connection.transport.abort()
            return
        if method == "Target.createTarget":
            await event("Target.targetCreated", {"targetInfo": TARGET})
        await connection.send(json.dumps({"id": told["id"], "result": ANSWERS.get(method, {})}))
        if method == "Target.sendMessageToTarget":
            inner = json.loads(told["params"]["message"])
            if inner["method"] == "Page.fail":
                await of_the_page({"id": inner["id"], "error": {"message": "no such"}})
            else:
                await of_the_page({"id": inner["id"], "result": ANSWERS.get(inner["method"], {})})
            if inner["method"] == "Runtime.enable":
                params = {"context": CONTEXT}
                await of_the_page({"method": "Runtime.executionContextCreated", "params": params})
        if method == "Target.closeTarget":
            await event("Target.targetDestroyed", {"targetId": "T"})


async def connected(address):
    return await pyppeteer.connect(browserWSEndpoint=f"{address}/devtools/browser/1")


@scenario
async def a_page():
    async with serving(browser) as address:
        program = await connected(address)
        assert await program.version() == "Chrome/1"
        assert await program.userAgent() == "é"
        page = await program.newPage()
        assert await page.evaluate("6 * 7") == 42
        session = await page.target.createCDPSession()
        assert (await session.send("Page.captureScreenshot"))["data"] == PICTURE
        with raises(NetworkError) as caught:
            await session.send("Page.fail")
        assert "no such" in str(caught.exception)
        await page.close()
        await program.disconnect()


@scenario
async def the_browser_crashes():
    async with serving(browser) as address:
        program = await connected(address)
        disconnected = asyncio.Event()
        program.on("disconnected", disconnected.set)
        with raises(NetworkError) as caught:
            await program._connection.send("Browser.crash")
        assert "Target closed" in str(caught.exception)
        await disconnected.wait()


@scenario
async def the_browser_refuses():
    async with serving(browser, process_request=refusing(404)) as address:
        # It waits for a connection for ever; what it met is what its task ended with.
        connecting = asyncio.ensure_future(connected(address))
        while not (failed := [task for task in asyncio.all_tasks() if "_recv_loop" in repr(task)]):
            await asyncio.sleep(0)
        with raises(Exception) as caught:
            await failed[0]
        assert caught.exception.status_code == 404
        connecting.cancel()


if __name__ == "__main__":
    main()
