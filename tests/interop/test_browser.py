"""
A browser as the client: what its pages send, get and are told, and the chat as somebody sees it.
"""

import asyncio
import contextlib
import hashlib
import json
import os

import pytest
from browser import ENTER, Browser, running
from example_programs import Examples
from peer import port_of

import websockets

pytestmark = [pytest.mark.one_loop, pytest.mark.programs]

LARGE = 2**23  # bytes of a message

# A page that connects to where it comes from.
HELPER = b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script>
    let socket, closed;
    const arrived = [], waiting = [];

    // Tell whether it worked.
    function connect(...protocols) {
        socket = new WebSocket(location.href.replace("http", "ws"), ...protocols);
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({ data }) => waiting.length ? waiting.shift()(data) : arrived.push(data);
        closed = new Promise(resolve => socket.onclose = ({ code, reason, wasClean }) =>
            resolve([code, reason, wasClean]));
        return new Promise(resolve => {
            socket.onopen = () => resolve(true);
            socket.onerror = () => resolve(false);
        });
    }

    function recv() {
        return arrived.length ? arrived.shift() : new Promise(resolve => waiting.push(resolve));
    }

    async function digest(buffer) {
        const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", buffer));
        return bytes.reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
    }

    // Bytes that nobody could guess; the browser gives 64 KiB at a time.
    function random(size) {
        const bytes = new Uint8Array(size);
        for (let start = 0; start < size; start += 65536)
            crypto.getRandomValues(bytes.subarray(start, start + 65536));
        return bytes.buffer;
    }
</script>"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with running(tmp_path_factory.mktemp("chromium")) as uri:
        yield uri


def serve_helper(path, headers):
    if "Upgrade" in headers:
        return None
    return 200, {"Content-Type": "text/html"}, HELPER


@contextlib.asynccontextmanager
async def page_and_arrivals(chromium, **options):
    """A page that isn't connected to its server, and a queue of the connections that come there."""
    arrivals = asyncio.Queue()

    async def hold(ws):
        arrivals.put_nowait(ws)
        await ws.wait_closed()

    options["process_request"] = serve_helper
    async with Browser.steer(chromium) as browser:
        async with websockets.serve(hold, "127.0.0.1", 0, **options) as server:
            scheme = "https" if "ssl" in options else "http"
            yield await browser.open(f"{scheme}://127.0.0.1:{port_of(server)}/"), arrivals


@contextlib.asynccontextmanager
async def page_and_server(chromium, **options):
    """A page that is connected to its server, and the server's end of that connection."""
    async with page_and_arrivals(chromium, **options) as (page, arrivals):
        assert await page.run("connect()")
        yield page, await arrivals.get()


compressions = pytest.mark.parametrize("compression", [None, "deflate"])


@compressions
async def test_texts(chromium, compression):
    async with page_and_server(chromium, compression=compression) as (page, ws):
        for text in ["", "Hello!", "Grüße, 世界, \0 👨‍👩‍👧🎉", "🐍" * 100_000]:
            await page.run(f"socket.send({json.dumps(text)})")
            assert await ws.recv() == text
            await ws.send(text)
            assert await page.run("recv()") == text


async def test_half_a_surrogate_pair_arrives_as_a_replacement_character(chromium):
    async with page_and_server(chromium) as (page, ws):
        await page.run(r"socket.send('a\ud83cb')")
        assert await ws.recv() == "a\ufffdb"


async def test_compression_is_agreed_on_and_used_both_ways(chromium):
    async with page_and_server(chromium) as (page, ws):
        assert (await page.run("socket.extensions")).startswith("permessage-deflate")
        [deflate] = ws.extensions
        for _ in range(2):
            await page.run("socket.send('compress '.repeat(1000))")
            await ws.send(await ws.recv())
            assert await page.run("recv()") == "compress " * 1000
        for traffic in (deflate.sent, deflate.received):
            assert (traffic.messages, traffic.size) == (2, 18000)
            assert traffic.compressed_size < 300


async def test_compression_that_the_server_does_not_want(chromium):
    async with page_and_server(chromium, compression=None) as (page, ws):
        assert "permessage-deflate" in ws.request_headers["Sec-WebSocket-Extensions"]
        assert await page.run("socket.extensions") == ""


@compressions
async def test_large_binary_messages(chromium, compression):
    options = {"compression": compression, "max_size": LARGE}
    async with page_and_server(chromium, **options) as (page, ws):
        sent = await page.run(f"data = random({LARGE}), socket.send(data), digest(data)")
        received = await ws.recv()
        assert (len(received), hashlib.sha256(received).hexdigest()) == (LARGE, sent)
        sent = os.urandom(LARGE)
        await ws.send(sent)
        received = await page.run("(async () => digest(await recv()))()")
        assert received == hashlib.sha256(sent).hexdigest()


async def test_a_message_that_is_too_large(chromium):
    async with page_and_server(chromium, max_size=1000, compression=None) as (page, ws):
        await page.run("socket.send('x'.repeat(1001))")
        code, _, clean = await page.run("closed")
        assert (code, clean) == (1009, True)


@compressions
async def test_fragments(chromium, compression):
    async with page_and_server(chromium, compression=compression) as (page, ws):
        await ws.send(["one ", "", "👨‍👩", "‍👧 end"])
        assert await page.run("recv()") == "one 👨‍👩‍👧 end"
        await ws.send([b"\x00" * 1000, b"", b"\xff" * 70_000])
        assert await page.run("(async () => [...new Uint8Array(await recv())].join(''))()") == (
            "0" * 1000 + "255" * 70_000
        )


async def test_the_browser_answers_pings(chromium):
    async with page_and_server(chromium) as (page, ws):
        await (await ws.ping(b"\x00\xff"))


async def test_subprotocols(chromium):
    async with page_and_arrivals(chromium, subprotocols=["two", "three"]) as (page, arrivals):
        assert await page.run("connect(['one', 'two'])")
        ws = await arrivals.get()
        assert ws.subprotocol == await page.run("socket.protocol") == "two"


async def test_the_page_is_told_how_the_server_closed(chromium):
    async with page_and_server(chromium) as (page, ws):
        await ws.close(4000, "genug, 再见 👋")
        assert await page.run("closed") == [4000, "genug, 再见 👋", True]


@pytest.mark.parametrize(
    ("close", "code", "reason"),
    [
        ("socket.close()", 1005, ""),
        ("socket.close(1000)", 1000, ""),
        ("socket.close(3001, 'genug, 再见 👋')", 3001, "genug, 再见 👋"),
        ("location.reload()", 1001, ""),
    ],
    ids=["no code", "1000", "3001", "it is loaded again"],
)
async def test_the_server_is_told_how_the_page_closed(chromium, close, code, reason):
    async with page_and_server(chromium) as (page, ws):
        await page.run(f"void ({close})")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (code, reason)


async def test_a_tab_that_is_closed(chromium):
    async with page_and_server(chromium) as (page, ws):
        await page.close()
        await ws.wait_closed()
        assert ws.close_code == 1001


async def test_a_connection_that_is_cut(chromium):
    async with page_and_server(chromium) as (page, ws):
        ws.transport.abort()
        assert await page.run("closed") == [1006, "", False]


async def test_the_server_ends(chromium):
    async with Browser.steer(chromium) as browser:
        options = {"process_request": serve_helper}
        async with websockets.serve(
            lambda ws: ws.wait_closed(), "127.0.0.1", 0, **options
        ) as server:
            page = await browser.open(f"http://127.0.0.1:{port_of(server)}/")
            assert await page.run("connect()")
        assert await page.run("closed") == [1001, "", True]


async def test_a_page_from_elsewhere_is_refused(chromium):
    async with page_and_arrivals(chromium, origins=["https://example.com"]) as (page, arrivals):
        assert not await page.run("connect()")
        assert (await page.run("closed"))[0] == 1006
        [complaint] = page.browser.complaints
        assert "403" in complaint["entry"]["text"]
        page.browser.complaints.clear()


async def test_tls(chromium, certificates):
    context = certificates.server_context()
    async with page_and_arrivals(chromium, ssl=context) as (page, arrivals):
        assert await page.run("connect()")
        ws = await arrivals.get()
        await ws.send("Hello!")
        assert await page.run("recv()") == "Hello!"


# The chat


async def show(page, text):
    """Wait until a page shows a text."""
    await page.run(f"""new Promise(resolve => {{
        const see = () => document.body.innerText.includes({json.dumps(text)}) && resolve();
        new MutationObserver(see).observe(document, {{
            characterData: true, childList: true, subtree: true
        }});
        see();
    }})""")


async def test_the_chat_in_two_tabs(chromium, tmp_path):
    examples = Examples(tmp_path)
    async with Browser.steer(chromium) as browser, examples.serving("chat.py"):
        ada, grace = await browser.open(examples.url), await browser.open(examples.url)
        await ada.type("Ada")
        await show(ada, "Nobody else is here")
        await grace.type("Grace")
        for page in (ada, grace):
            await show(page, "Grace joined")
            await show(page, "2 people are here")
        await ada.type("Is this <b>bold</b>? 🎉")
        for page in (ada, grace):
            await show(page, "Is this <b>bold</b>? 🎉")
        await grace.type("No.")
        for page in (ada, grace):
            await show(page, "No.")
            assert await page.run("document.querySelectorAll('li.mine').length") == 1
        await grace.close()
        await show(ada, "Grace left")


async def test_the_chat_goes_on_after_its_server_was_gone(chromium, tmp_path):
    examples = Examples(tmp_path)
    async with Browser.steer(chromium) as browser:
        async with examples.serving("chat.py"):
            page = await browser.open(examples.url)
            await page.type("Ada")
            await show(page, "Nobody else is here")
        await show(page, "trying again")
        await page.type("What isn't sent is kept")
        async with examples.serving("chat.py"):
            await show(page, "Nobody else is here")
            await page.press(ENTER)
            await show(page, "kept")
        browser.complaints.clear()  # about attempts to connect
