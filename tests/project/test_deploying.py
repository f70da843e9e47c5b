"""
What the guides to deployment show, at work: programs that end well, behind proxies that they know.
"""

import asyncio
import contextlib
import http
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from programs import DEADLINE, free_port, need, started

import websockets

pytestmark = [
    pytest.mark.one_loop,
    pytest.mark.one_backend,
    pytest.mark.skipif(sys.platform == "win32", reason="programs are ended by signals"),
]

GUIDES = Path(__file__).parents[2] / "docs" / "howto"


def shown(guide, file):
    """Return a block of a guide that becomes a file."""
    page = (GUIDES / guide).read_text("utf-8")
    return re.search(rf"```\w+\n(# {re.escape(file)}\n.*?)```", page, re.S)[1]


def replaced(text, *replacements):
    for pattern, value in replacements:
        text, count = re.subn(pattern, value, text)
        assert count, pattern
    return text


async def connected(uri, **options):
    """Connect as soon as somebody listens, and serves."""

    async def attempt():
        while True:
            try:
                return await websockets.connect(uri, proxy=None, **options)
            except (OSError, EOFError, websockets.InvalidHandshake):
                await asyncio.sleep(0.01)

    return await asyncio.wait_for(attempt(), DEADLINE)


async def expect_a_good_end(program, websocket, number):
    """Ask a program to end; see its client be told so, and the program succeed."""
    program.send_signal(number)
    await asyncio.wait_for(websocket.wait_closed(), DEADLINE)
    assert websocket.close_code == 1001
    await asyncio.wait_for(program.wait(), DEADLINE)
    assert program.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_program_takes_its_port_from_the_environment_and_ends_well(tmp_path, number):
    (tmp_path / "app.py").write_text(shown("deploying.md", "app.py"), "utf-8")
    port = free_port()
    environment = {**os.environ, "HOST": "0.0.0.0", "PORT": str(port)}
    command = [sys.executable, tmp_path / "app.py"]
    async with started(*command, stderr=subprocess.PIPE, env=environment) as program:
        async with await connected(f"ws://127.0.0.1:{port}/") as websocket:
            await websocket.send("Hello!")
            assert await websocket.recv() == "Hello!"
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert (await reader.read()).endswith(b"\r\n\r\nOK\n")
            writer.close()
            await expect_a_good_end(program, websocket, number)
        assert b"connection closed" in await program.stderr.read()


async def test_the_program_on_a_socket_that_systemd_holds(tmp_path):
    (tmp_path / "app.py").write_text(shown("systemd.md", "socket_app.py"), "utf-8")
    as_systemd = 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
    with socket.create_server(("127.0.0.1", 0)) as listening:
        uri = f"ws://127.0.0.1:{listening.getsockname()[1]}/"
        number = listening.fileno()
        command = ["bash", "-c", as_systemd, str(number), sys.executable, tmp_path / "app.py"]
        for _ in range(2):
            # Who comes while nothing runs waits.
            waiting = asyncio.ensure_future(connected(uri))
            async with started(*command, pass_fds=[number]) as program:
                async with await waiting as websocket:
                    await websocket.send("Hello!")
                    assert await websocket.recv() == "Hello!"
                    await expect_a_good_end(program, websocket, signal.SIGTERM)


@pytest.mark.programs
def test_systemd_takes_its_files(tmp_path):
    analyze = need("systemd-analyze", optional=True)
    (tmp_path / "chat.socket").write_text(shown("systemd.md", "chat.socket"), "utf-8")
    service = replaced(
        shown("systemd.md", "chat.service"),
        (r"/srv/chat/\.venv/bin/python", sys.executable),
        (r"=/srv/chat", f"={tmp_path}"),
    )
    (tmp_path / "chat.service").write_text(service, "utf-8")
    result = subprocess.run(
        [analyze, "verify", tmp_path / "chat.service", tmp_path / "chat.socket"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert (result.returncode, result.stdout) == (0, "")


# Proxies


async def tell(websocket, path):
    headers = websocket.request_headers
    await websocket.send(" ".join([path, headers["X-Forwarded-For"], headers["X-Forwarded-Proto"]]))
    async for message in websocket:
        await websocket.send(message)


def haproxy(ports, folder):
    configuration = replaced(
        shown("haproxy.md", "haproxy.cfg"),
        (r"bind :443", f"bind 127.0.0.1:{ports[0]}"),
        (r"/etc/\S+\.pem", str(folder / "both.pem")),
        (r":8765 check", f":{ports[1]} check inter 20ms fall 1"),
        (r":8766 check", f":{ports[2]} check inter 20ms fall 1"),
    )
    (folder / "haproxy.cfg").write_text(configuration, "utf-8")
    return "wss", [need("haproxy", optional=True), "-db", "-f", folder / "haproxy.cfg"]


def caddy(ports, folder):
    configuration = replaced(
        shown("caddy.md", "Caddyfile"),
        (r"chat\.example\.com", f"http://127.0.0.1:{ports[0]}"),
        (r":8765", f":{ports[1]}"),
        (r":8766", f":{ports[2]}"),
        (r"health_interval 5s", "health_interval 20ms"),
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + configuration, "utf-8")
    command = ["env", f"XDG_DATA_HOME={folder}", f"XDG_CONFIG_HOME={folder}"]
    command += [need("caddy", optional=True), "run", "--adapter", "caddyfile", "--config"]
    return "ws", [*command, folder / "Caddyfile"]


@pytest.mark.programs
@pytest.mark.parametrize("proxy", [haproxy, caddy])
async def test_a_proxy_with_the_configuration_that_is_shown(proxy, tmp_path, certificates):
    pem = certificates.certificate.private_key_and_cert_chain_pem
    pem.write_to_path(tmp_path / "both.pem")
    asked = asyncio.Queue()

    def check_health(path, headers):
        if path == "/health":
            asked.put_nowait(path)
            return http.HTTPStatus.OK, [], b"OK\n"
        return None

    async with contextlib.AsyncExitStack() as stack:
        ports, servers = [free_port()], {}
        for _ in range(2):
            server = await stack.enter_async_context(
                websockets.serve(tell, "127.0.0.1", 0, process_request=check_health)
            )
            ports.append(server.sockets[0].getsockname()[1])
            servers[ports[-1]] = server
        scheme, command = proxy(ports, tmp_path)
        tls = {"ssl": certificates.client_context()} if scheme == "wss" else {}
        uri = f"{scheme}://127.0.0.1:{ports[0]}/room?a=b"
        said = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "gopher"}
        await stack.enter_async_context(
            started(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        # A server whose answer was no good would be left out by now.
        for _ in range(10):
            await asyncio.wait_for(asked.get(), DEADLINE)
        told = f"/room?a=b 127.0.0.1 {scheme.replace('ws', 'http')}"
        # One server after the other ends: its clients are told, and find another one.
        websocket = await connected(uri, extra_headers=said, **tls)
        for _ in range(2):
            assert await websocket.recv() == told
            await websocket.send("through")
            assert await websocket.recv() == "through"
            [port] = [port for port, server in servers.items() if server.connections]
            servers.pop(port).close()
            await asyncio.wait_for(websocket.wait_closed(), DEADLINE)
            assert websocket.close_code == 1001
            if servers:
                websocket = await connected(uri, extra_headers=said, **tls)
