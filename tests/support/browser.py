"""
Headless Chromium, as Debian has it, in the hands of a test.

It is steered by its DevTools protocol, which speaks JSON over a WebSocket: by the library's own
client. A test has pages of its own; one browser serves them all.
"""

import asyncio
import contextlib
import itertools
import json
import re
import subprocess
import threading

from programs import DEADLINE, need

import websockets

# What isn't needed here, and would only talk to somebody far away.
SILENCE = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
]


@contextlib.contextmanager
def running(directory):
    """Run a browser with an empty profile in a directory; the value is the URI that steers it."""
    command = [
        need("chromium"),
        *("--headless", "--disable-gpu", "--no-sandbox"),  # root can't have the sandbox
        *("--remote-debugging-port=0", f"--user-data-dir={directory}"),
        *SILENCE,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                found = re.search("DevTools listening on (ws://.*)", line)
                if found:
                    break
            # What it has to say later would fill the pipe.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield found[1]
        finally:
            process.terminate()


ENTER = {"type": "keyDown", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}


def is_complaint(entry):
    """Tell an error from advice, and a page's from the machine's, whose network may change."""
    return entry["level"] == "error" and "ERR_NETWORK_CHANGED" not in entry["text"]


class Browser:
    """
    A program's hold of a browser.

    Attributes:
        complaints: of pages, about what their scripts do or load.
    """

    def __init__(self, websocket):
        self.complaints = []
        self._websocket = websocket
        self._numbers = itertools.count()
        self._loaded = set()

    @classmethod
    @contextlib.asynccontextmanager
    async def steer(cls, uri):
        """Take hold of a browser, and close all pages that were opened meanwhile."""
        async with websockets.connect(uri, max_size=None) as websocket:
            browser = cls(websocket)
            context = await browser.command("Target.createBrowserContext", disposeOnDetach=True)
            browser.context = context["browserContextId"]
            yield browser
            assert not browser.complaints, browser.complaints

    async def command(self, method, session=None, **parameters):
        """Have something done, and return the result."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        await self._websocket.send(json.dumps(command))
        while True:
            answer = await self._hear()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    async def _hear(self):
        message = json.loads(await asyncio.wait_for(self._websocket.recv(), DEADLINE))
        event = message.get("method")
        if event == "Page.loadEventFired":
            self._loaded.add(message["sessionId"])
        elif event == "Runtime.exceptionThrown" or (
            event == "Log.entryAdded" and is_complaint(message["params"]["entry"])
        ):
            self.complaints.append(message["params"])
        return message

    async def open(self, url):
        """Open a page in a new tab, and wait until it is loaded."""
        target = await self.command(
            "Target.createTarget", url="about:blank", browserContextId=self.context
        )
        attached = await self.command("Target.attachToTarget", flatten=True, **target)
        page = Page(self, target["targetId"], attached["sessionId"])
        # Nobody has signed the certificates of tests.
        await page.command("Security.setIgnoreCertificateErrors", ignore=True)
        for domain in ("Page", "Runtime", "Log"):
            await page.command(f"{domain}.enable")
        # A page that waits before it connects again doesn't wait long.
        hurry = "const later = setTimeout; setTimeout = (call, time) => later(call, time / 50);"
        await page.command("Page.addScriptToEvaluateOnNewDocument", source=hurry)
        await page.command("Page.navigate", url=url)
        while page.session not in self._loaded:
            await self._hear()
        return page


class Page:
    """A tab of the browser."""

    def __init__(self, browser, target, session):
        self.browser = browser
        self.target = target
        self.session = session

    async def command(self, method, **parameters):
        return await self.browser.command(method, self.session, **parameters)

    async def run(self, expression):
        """Compute an expression of JavaScript, which may wait, and return what comes of it."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def type(self, text):
        """Type a line into the field that the page has."""
        await self.run("document.querySelector('input').focus()")
        await self.command("Input.insertText", text=text)
        await self.press(ENTER)

    async def press(self, key):
        await self.command("Input.dispatchKeyEvent", **key)

    async def close(self):
        await self.browser.command("Target.closeTarget", targetId=self.target)
