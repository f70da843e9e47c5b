"""
The documentation is right: what it shows works, and what can be used is in it.

Every ``python`` block of every page is run, in the order of the page, in a folder of its own:

- A block that has the name of a file or calls ``asyncio.run()`` is a program, with a process of its
  own. One that serves and doesn't end is left running until another one takes its place, or until
  the page ends.
- Other blocks share a namespace, in which there are ``asyncio`` and ``websockets``, and may await.
- A name is a comment in the first line. Blocks of any language that have one become files.
- A comment that begins with ``<!-- python`` is a block that readers don't see: it makes what a
  fragment takes for granted, or tries what was shown.
- A ``text`` block after a program or a fragment is what that prints.

No block can be left out. Ports are replaced by free ones; ``cert.pem`` and ``key.pem`` are there, a
certificate for localhost that the authority in ``authority.pem`` has signed.
"""

import ast
import asyncio
import contextlib
import importlib
import inspect
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from documented import ATTRIBUTES, DOCUMENTED, tree
from programs import free_port, need, started

import websockets

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]

BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$|^<!-- python\n(?P<unseen>.*?)^-->$", re.M | re.S
)
FILE = re.compile(r"(?:#|<!--|//) ([\w.]+\.\w+)(?: -->)?\n")
PORT = re.compile(r"\b(8765|8766|8080)\b")

posix = pytest.mark.skipif(sys.platform == "win32", reason="programs are ended by signals")


class Block:
    """A block of a page, with its ports and its place."""

    def __init__(self, match, ports):
        self.language = match["language"] or "python"
        shown = match["text"] if match["unseen"] is None else match["unseen"]
        self.text = PORT.sub(lambda port: ports[port[0]], shown)
        self.line = match.string.count("\n", 0, match.start()) + 1
        self.is_python = self.language == "python"
        named = FILE.match(self.text)
        self.is_program = self.is_python and (named is not None or "asyncio.run(" in self.text)
        self.is_server = self.is_program and "serve(" in self.text and "connect(" not in self.text
        self.file = named[1] if named else f"line_{self.line}.py" if self.is_program else None

    def put(self):
        if self.file is not None:
            Path(self.file).write_text(self.text, "utf-8")


def free_ports(count):
    found = set()
    while len(found) < count:
        found.add(str(free_port()))
    return list(found)


# What a program says of failures that don't end it: Python's, asyncio's and the library's words.
FAILURES = re.compile(rb"Warning|ignored|never|error in ")

# Before Python 3.11, Ctrl-C may come out of any task, which asyncio then reports.
INTERRUPTED = b"Task exception was never retrieved" if sys.version_info < (3, 11) else None


def program(file):
    variables = {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}
    environment = {**os.environ, **variables}
    return started(sys.executable, file, stderr=subprocess.PIPE, env=environment)


async def output_of(process, *statuses):
    """Wait until a program ends; return what it printed, if nothing went wrong."""
    output, errors = await process.communicate()
    assert process.returncode in (0, *statuses), errors.decode()
    said = errors
    if INTERRUPTED is not None and b"KeyboardInterrupt" in errors:
        said = errors.replace(INTERRUPTED, b"")
    assert not FAILURES.search(said), errors.decode()
    return output.decode()


async def listening(process, ports):
    """Wait until a program listens on one of these ports."""
    while process.returncode is None:
        for port in ports:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("localhost", int(port))
                writer.close()
                return
        await asyncio.sleep(0.01)
    raise AssertionError((await process.communicate())[1].decode())


async def interrupt(process):
    process.send_signal(signal.SIGINT)
    await output_of(process, -signal.SIGINT)


async def play(page, programs, capsys):
    """Run the blocks of a page, and compare what they print with what the page says of it."""
    ports = dict(zip(("8765", "8766", "8080"), free_ports(3)))
    blocks = [Block(match, ports) for match in BLOCK.finditer(page.read_text("utf-8"))]
    namespace = {"asyncio": asyncio, "websockets": websockets}
    server = None
    for block, following in zip(blocks, [*blocks[1:], None]):
        block.put()
        if block.is_server:
            if server is not None:
                await interrupt(server)
            server = await programs.enter_async_context(program(block.file))
            await listening(server, ports.values())
            continue
        if block.is_program:
            printed = await output_of(await programs.enter_async_context(program(block.file)))
        elif block.is_python:
            await run_fragment(block, page, namespace)
            printed = capsys.readouterr().out
        if block.is_python and following is not None and following.language == "text":
            assert printed == following.text, f"{page.name}, line {following.line}"
    if server is not None:
        await interrupt(server)


async def run_fragment(block, page, namespace):
    # As many empty lines as there are before it, so that an error tells its place on the page.
    source = "\n" * block.line + block.text
    code = compile(source, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    outcome = eval(code, namespace)
    if inspect.iscoroutine(outcome):
        await outcome


@posix
@pytest.mark.one_loop
@pytest.mark.parametrize(
    "page", [pytest.param(p, id=p.stem) for p in PAGES if "```python" in p.read_text("utf-8")]
)
async def test_what_is_shown_works(page, tmp_path, monkeypatch, certificates, capsys, caplog):
    monkeypatch.chdir(tmp_path)
    certificates.authority.cert_pem.write_to_path("authority.pem")
    certificates.certificate.private_key_pem.write_to_path("key.pem")
    for blob in certificates.certificate.cert_chain_pems:
        blob.write_to_path("cert.pem", append=True)
    async with contextlib.AsyncExitStack() as programs:
        await play(page, programs, capsys)
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


# What needs packages that aren't here is marked "py", and run by a program of tests/packages.
ELSEWHERE = {"fastapi.md": "with_fastapi.py"}


def test_no_example_escapes():
    """Python stands in blocks that are run, and in no other kind of block."""
    for page in PAGES:
        text = page.read_text("utf-8")
        if page.name in ELSEWHERE:
            program = ROOT / "tests" / "packages" / ELSEWHERE[page.name]
            assert f'"{page.name}"' in program.read_text("utf-8")
            text = text.replace("```py\n", "```\n")
        starts = re.findall(
            r"^[ >]*(?:```|~~~|:::)\{?[\w-]*\}? *(?:python|py|pycon)\b.*$", text, re.M
        )
        assert len(re.findall(r"^```python$", text, re.M)) == text.count("```python"), page.name
        assert starts == ["```python"] * len(starts), page.name
    for page in DOCS.rglob("*.rst"):
        assert not re.search(r"::\s*python|code-block", page.read_text("utf-8")), page.name


NGINX = """\
pid nginx.pid;
error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{}
}}
"""


@pytest.mark.one_loop
@pytest.mark.programs
async def test_nginx_with_the_configuration_that_is_shown(tmp_path, certificates):
    async def handler(websocket, path):
        await websocket.send(f"{path} {websocket.request_headers['X-Forwarded-For']}")
        await websocket.send(await websocket.recv())
        await websocket.wait_closed()

    pem = certificates.certificate.private_key_and_cert_chain_pem
    pem.write_to_path(tmp_path / "both.pem")
    [proxy_port] = free_ports(1)
    page = (DOCS / "howto/nginx.md").read_text("utf-8")
    shown = re.search(r"```nginx\n(# chat.conf\n.*?)```", page, re.S)[1]
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        for pattern, value in [
            (r"127\.0\.0\.1:8765", f"127.0.0.1:{server.sockets[0].getsockname()[1]}"),
            (r"listen 443", f"listen 127.0.0.1:{proxy_port}"),
            (r"/etc/\S+\.pem", str(tmp_path / "both.pem")),
        ]:
            shown, count = re.subn(pattern, value, shown)
            assert count
        (tmp_path / "nginx.conf").write_text(NGINX.format(shown), "utf-8")
        command = [need("nginx"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
        command += ["-g", "daemon off; master_process off;"]
        async with started(*command, stderr=subprocess.PIPE) as nginx:
            await listening(nginx, [proxy_port])
            async with websockets.connect(
                f"wss://127.0.0.1:{proxy_port}/room?a=b", ssl=certificates.client_context()
            ) as websocket:
                assert await websocket.recv() == "/room?a=b 127.0.0.1"
                await websocket.send("through")
                assert await websocket.recv() == "through"
                # The server ends, and says so to its client behind the proxy.
                server.close()
                await websocket.wait_closed()
                assert websocket.close_code == 1001


def test_no_example_is_left_out():
    page = (DOCS / "examples.md").read_text("utf-8")
    for example in (ROOT / "examples").glob("*.py"):
        assert f"../examples/{example.name}" in page or example.name == "demo.py"


# The pages of the API


def shown_names():
    """Return the full names that directives on the pages of the API stand for."""
    names = set()
    for page in (DOCS / "api").glob("*.rst"):
        module = outer = ""
        for line in page.read_text("utf-8").splitlines():
            member = re.match(r"   \.\. auto\w+:: (\w+)$", line)
            if member:
                names.add(f"{outer}.{member[1]}")
            directive = re.match(r"\.\. (\w+):: ([\w.]+)", line)
            if directive and directive[1] in ("module", "currentmodule"):
                module = directive[2]
            elif directive and directive[1].startswith(("auto", "data", "exception")):
                inside = directive[2].startswith("websockets.")
                outer = directive[2] if inside else f"{module}.{directive[2]}"
                names.add(outer)
            elif line.startswith("   :members: "):
                names |= {f"{outer}.{name}" for name in line.split(None, 1)[1].split(", ")}
    return names


def short(name):
    return name.rpartition(".")[2]


def test_the_pages_have_every_name_of_the_package():
    shown = {short(name) for name in shown_names()}
    index = (DOCS / "api/index.md").read_text("utf-8")
    assert [name for name in websockets.__all__ if name not in shown and name not in index] == []


@pytest.mark.parametrize("name", sorted({*DOCUMENTED, *ATTRIBUTES}))
def test_the_pages_have_every_name_of_the_contract(name):
    assert any(shown == f"websockets.{name}" for shown in shown_names())


def test_the_pages_have_every_exception():
    shown = shown_names()
    for exception, _ in tree():
        assert f"websockets.exceptions.{exception.__name__}" in shown


def test_the_pages_have_no_name_that_is_not_there():
    for name in shown_names():
        module, _, rest = name.partition(".")
        found = sys.modules[module]
        for part in rest.split("."):
            if not hasattr(found, part):
                with contextlib.suppress(ImportError):
                    if inspect.ismodule(found):
                        found = importlib.import_module(f"{found.__name__}.{part}")
                        continue
                assert part in getattr(found, "__annotations__", {}), name
                break
            found = getattr(found, part)


def test_what_language_models_are_given_has_every_page():
    text = (DOCS / "llms.txt").read_text("utf-8")
    named = {DOCS / path for path in re.findall(r"\]\(([\w./-]+)\)", text)}
    assert [path for path in named if not path.exists()] == []
    assert set(DOCS.rglob("*.md")) <= named
