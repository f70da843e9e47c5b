"""
A page that comes back with its position: what it shows after its server was killed.
"""

import asyncio
import signal

import pytest
from browser import Browser, running
from example_programs import Examples
from programs import DEADLINE, line_with
from redises import redis_server

from websockets.topics import Topics

pytestmark = [pytest.mark.one_loop, pytest.mark.programs]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with running(tmp_path_factory.mktemp("chromium")) as uri:
        yield uri


async def lines(page, count):
    """Wait until a page shows so many lines; return them."""
    return await page.run(f"""new Promise(resolve => {{
        const see = () => {{
            const texts = Array.from(document.querySelectorAll("li"), item => item.textContent);
            if (texts.length >= {count}) resolve(texts);
        }};
        new MutationObserver(see).observe(document, {{ childList: true, subtree: true }});
        see();
    }})""")


async def test_a_dashboard_misses_nothing_though_its_server_is_killed(chromium, tmp_path):
    examples = Examples(tmp_path)
    data = tmp_path / "redis"
    data.mkdir()
    async with redis_server(data) as redis, Browser.steer(chromium) as browser:
        command = ["dashboard.py", "--port", str(examples.port), "--redis", redis.url]
        async with Topics(redis.url) as topics:
            published = 0

            async def publish(count):
                nonlocal published
                for _ in range(count):
                    await topics.publish("dashboard", str(published))
                    published += 1

            await publish(3)
            page = None
            for _ in range(3):
                async with examples.start(*command) as server:
                    await line_with(server.stdout, "http://")
                    if page is None:
                        page = await browser.open(examples.url)
                    await publish(10)
                    assert await lines(page, published) == [str(n) for n in range(published)]
                    # What is on its way when the server dies may be shown, or not yet.
                    publishing = asyncio.ensure_future(publish(10))
                    await asyncio.wait([publishing], timeout=0)
                    server.send_signal(signal.SIGKILL)
                    await asyncio.wait_for(server.wait(), DEADLINE)
                    await publishing
                await publish(5)
            async with examples.serving(*command):
                assert await lines(page, published) == [str(n) for n in range(published)]
                await redis.command("FLUSHALL")
            async with examples.serving(*command):
                await publish(1)
                shown = await lines(page, published + 1)
                assert shown[-2:] == ["Something is missing here.", str(published - 1)]
        browser.complaints.clear()  # about attempts to connect
