"""
Each example does what its text promises, started by its command.

What runs is a copy, in which the port is another one. Once an example has said that it listens, all
of its answers come from it; Ctrl-C ends it without a traceback.
"""

import asyncio
import base64
import contextlib
import importlib.util
import json
import re
import signal
import sys

import pytest
from example_programs import EXAMPLES, Examples
from hosting import hosting
from peer import needs_unix
from programs import DEADLINE, free_port, line_with, need, started

import websockets

pytestmark = [pytest.mark.one_loop, pytest.mark.one_backend]
signals = pytest.mark.skipif(sys.platform == "win32", reason="the example needs Unix signals")


@pytest.fixture
def examples(tmp_path):
    return Examples(tmp_path)


async def test_echo(examples):
    async with examples.start("echo_server.py"):
        # It doesn't say when it listens: a client is tried until it gets through.
        while True:
            with contextlib.suppress(OSError):
                async with examples.connect():
                    break
        assert await examples.output("echo_client.py") == ["Hello!"]


async def test_the_readme_shows_the_echo():
    readme = (EXAMPLES.parent / "README.md").read_text("utf-8")
    for name in ["echo_server.py", "echo_client.py"]:
        assert (EXAMPLES / name).read_text("utf-8") in readme


async def events(websocket):
    """What a page of the chat gets, without the times."""
    async for message in websocket:
        event = json.loads(message)
        if "history" in event:
            yield [(past["name"], past.get("said") or past["did"]) for past in event["history"]]
        else:
            yield event["name"], event.get("said") or event["did"]


@contextlib.asynccontextmanager
async def joined(examples, name, port=None):
    """Join a chat; the value is what is heard there."""
    async with websockets.connect(f"ws://localhost:{port or examples.port}") as websocket:
        await websocket.send(name)
        heard = events(websocket)
        yield websocket, heard.__anext__
        await heard.aclose()


async def test_chat(examples):
    async with examples.serving("chat.py"):
        async with joined(examples, "Ada") as (ada, hear):
            assert await hear() == []
            assert await hear() == ("Ada", "joined")
            async with joined(examples, " Grace ") as (grace, hear_too):
                assert await hear_too() == [("Ada", "joined")]
                assert await hear() == await hear_too() == ("Grace", "joined")
                await ada.send("<b>Hello!</b> 🎉")
                assert await hear() == await hear_too() == ("Ada", "<b>Hello!</b> 🎉")
            assert await hear() == ("Grace", "left")


async def test_the_history_of_the_chat_is_limited(examples):
    async with examples.serving("chat.py"):
        async with joined(examples, "") as (talker, hear):
            assert (await hear(), await hear()) == ([], ("Somebody", "joined"))
            for number in range(100):
                await talker.send(str(number))
                assert await hear() == ("Somebody", str(number))
            async with joined(examples, "Ada") as (_, hear_too):
                assert await hear_too() == [("Somebody", str(number)) for number in range(100)]


async def test_the_chat_has_a_page(examples):
    async with examples.serving("chat.py"):
        status, headers, body = await examples.get("")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert body == (EXAMPLES / "chat.html").read_bytes()
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert (await examples.get("elsewhere"))[0] == 404


def test_the_page_of_the_chat_loads_nothing():
    page = (EXAMPLES / "chat.html").read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"https?://|@import|<script src|innerHTML", page)


async def test_counter(examples):
    async with examples.serving("counter.py"), examples.connect() as one:
        assert await one.recv() == "0 with 1 connected"
        async with examples.connect() as other:
            assert await one.recv() == await other.recv() == "0 with 2 connected"
            await one.send("40")
            assert await one.recv() == await other.recv() == "40 with 2 connected"
            await other.send("2")
            assert await one.recv() == await other.recv() == "42 with 2 connected"
            await other.send("many")
            assert await other.recv() == "That isn't a number."
        assert await one.recv() == "42 with 1 connected"


async def test_ticker(examples):
    async with examples.serving("ticker.py"):
        async with examples.connect() as one, examples.connect() as other:
            assert re.fullmatch(r"\d\d:\d\d:\d\d", await one.recv())
            assert await other.recv()


async def test_basic_auth(examples):
    async with examples.serving("basic_auth.py"):
        credentials = base64.b64encode(b"ada:countess").decode()
        headers = {"Authorization": f"Basic {credentials}"}
        async with examples.connect(extra_headers=headers) as websocket:
            assert await websocket.recv() == "Hello, ada!"
        for wrong in ["", "ada:countes@", "bob:countess@"]:
            with pytest.raises(websockets.InvalidStatusCode) as refused:
                await websockets.connect(f"ws://{wrong}localhost:{examples.port}")
            assert refused.value.status_code == 401


async def test_health(examples):
    async with examples.serving("health.py"):
        status, _, body = await examples.get("health")
        assert (status, body) == (200, b"OK\n")
        async with examples.connect() as websocket:
            await websocket.send("Hello!")
            assert await websocket.recv() == "Hello!"


async def test_on_trio(examples):
    pytest.importorskip("trio")
    heard = await examples.output("on_trio.py")
    assert {"Ada hears: Ada says hello", "Grace hears: Grace says hello"} <= set(heard)


def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def heard_in_rooms(uri):
    """Talk in two rooms; return what is heard in each."""
    connect = websockets.connect
    async with connect(f"{uri}/a") as ada, connect(f"{uri}/a") as alan, connect(f"{uri}/b") as bob:
        with pytest.raises(websockets.InvalidStatusCode) as refused:
            await connect(f"{uri}/")
        assert refused.value.status_code == 403
        heard = []
        for speaker, room in (ada, [ada, alan]), (alan, [ada, alan]), (bob, [bob]):
            await speaker.send(f"{len(heard)}")
            heard.append([await each.recv() for each in room])
        return heard


ROOMS = [["0", "0"], ["1", "1"], ["2"]]


async def test_asgi_rooms():
    # uvicorn isn't needed to run the suite: this is a host that does what it does.
    example = module_of(EXAMPLES / "asgi_rooms.py")
    async with hosting(example.application) as host:
        for _ in range(2):
            assert await heard_in_rooms(host.uri) == ROOMS
    assert example.rooms == {}


async def test_asgi_rooms_on_uvicorn(examples):
    pytest.importorskip("uvicorn")
    async with examples.start("asgi_rooms.py"):
        while True:
            with contextlib.suppress(OSError):
                assert await heard_in_rooms(f"ws://localhost:{examples.port}") == ROOMS
                break


@needs_unix
async def test_unix_socket(examples):
    assert await examples.output("unix_socket.py") == ["HELLO!"]


async def test_tls(examples):
    await examples.output("-m", "trustme")
    async with examples.serving("secure_server.py"):
        protocol, echo = await examples.output("secure_client.py")
        assert protocol.startswith("TLSv1.") and echo == "Hello!"
        # Somebody else with the same name isn't trusted.
        await examples.output("-m", "trustme")
        async with examples.start("secure_client.py") as client:
            _, err = await asyncio.wait_for(client.communicate(), DEADLINE)
            assert b"CERTIFICATE_VERIFY_FAILED" in err


@signals
async def test_shutdown(examples):
    async with examples.start("shutdown.py") as process:
        await line_with(process.stdout, "ws://")
        async with examples.connect() as busy, examples.connect() as idle:
            await busy.send("something")
            await (await busy.ping())  # what was sent before has arrived
            process.send_signal(signal.SIGTERM)
            await line_with(process.stdout, "1 of 2")
            await idle.wait_closed()
            assert await busy.recv() == "done: something"
            await busy.wait_closed()
            assert busy.close_code == idle.close_code == 1001
        out, err = await asyncio.wait_for(process.communicate(), DEADLINE)
        assert (process.returncode, out, err) == (0, b"Finished\n", b"")


@contextlib.asynccontextmanager
async def redis_server(directory, port):
    options = {"--port": port, "--bind": "127.0.0.1", "--dir": directory, "--save": ""}
    words = [str(word) for option in options.items() for word in option]
    async with started(need("redis-server"), *words) as process:
        await line_with(process.stdout, "Ready to accept connections")
        yield


async def test_chat_over_redis(examples):
    pytest.importorskip("redis.asyncio")
    ports = examples.port, free_port()
    database = free_port()
    command = ["chat_redis.py", "--redis", f"redis://127.0.0.1:{database}", "--port"]
    async with contextlib.AsyncExitStack() as stack:
        async with redis_server(examples.directory, database):
            for port in ports:
                server = examples.serving(*command, str(port), complaint="lost Redis")
                await stack.enter_async_context(server)
            ada, hear = await stack.enter_async_context(joined(examples, "Ada", ports[0]))
            assert (await hear(), await hear()) == ([], ("Ada", "joined"))
            grace, hear_too = await stack.enter_async_context(joined(examples, "Grace", ports[1]))
            assert await hear() == ("Grace", "joined")
            while await hear_too() != ("Grace", "joined"):
                pass
            await ada.send("Hello!")
            assert await hear() == await hear_too() == ("Ada", "Hello!")
        # Redis is gone, and comes back; what is said meanwhile waits for it.
        await grace.send("Are you there?")
        await (await grace.ping())
        async with redis_server(examples.directory, database):
            while await hear_too() != ("Grace", "Are you there?"):
                pass
            await ada.send("Yes.")
            while await hear() != ("Ada", "Yes."):
                pass
            await stack.aclose()


@contextlib.asynccontextmanager
async def nginx(examples, *ports):
    """nginx as the example has it, in front of these ports; the value is its own."""
    front = free_port()
    path = examples.directory / "chat_nginx.conf"
    text = path.read_text("utf-8").replace("8080", str(front)).replace("8766", str(ports[1]))
    path.write_text(text, "utf-8")
    command = [need("nginx"), "-p", examples.directory, "-c", path, "-e", "stderr"]
    # One process, which ends when it is killed.
    command += ["-g", "master_process off;"]
    async with started(*command, stderr=asyncio.subprocess.PIPE) as process:
        await line_with(process.stderr, "RLIMIT_NOFILE")
        yield front


@pytest.mark.programs
@signals
async def test_the_chat_in_several_processes_behind_nginx(examples):
    pytest.importorskip("redis.asyncio")
    ports = examples.port, free_port()
    database = free_port()
    command = ["chat_redis.py", "--redis", f"redis://127.0.0.1:{database}", "--port"]
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(redis_server(examples.directory, database))
        servers = [await enter(examples.start(*command, str(port))) for port in ports]
        for server in servers:
            await line_with(server.stdout, "://")
        front = await enter(nginx(examples, *ports))
        # Each process has got one of them.
        ada, hear = await enter(joined(examples, "Ada", front))
        grace, hear_too = await enter(joined(examples, "Grace", front))
        await ada.send("Hello!")
        for one in (hear, hear_too):
            while await one() != ("Ada", "Hello!"):
                pass
        servers[0].kill()
        ends = [asyncio.ensure_future(one.wait_closed()) for one in (ada, grace)]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert [end.done() for end in ends].count(True) == 1
        name, there, hear = ("Grace", grace, hear_too) if ends[0].done() else ("Ada", ada, hear)
        await there.send("Where have you gone?")
        # Who was at the other comes back by the same address, and gets what was missed.
        back, hear_again = await enter(joined(examples, "Back", front))
        while await hear_again() != (name, "Where have you gone?"):
            pass
        await back.send("Here.")
        while await hear() != ("Back", "Here."):
            pass
        for one in (there, back):
            await one.close()
        await asyncio.gather(*ends)
