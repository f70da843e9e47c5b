"""
The command that connects, as it is used with pipes: what it says, what is shown, and failures.
"""

import asyncio
import contextlib
import importlib.metadata
import os
import ssl
import sys

import pytest
import trustme
from peer import echo, uri_of
from terminal import DEADLINE, Piped, environment, expect_failure, posix, run, server

import websockets
from websockets._terminal.showing import describe, escape
from websockets.version import distribution_version

# The command runs on an event loop of its own.
pytestmark = [pytest.mark.one_loop, pytest.mark.one_backend]


async def test_each_line_is_a_message_and_the_end_of_the_input_closes():
    closed = asyncio.get_running_loop().create_future()

    async def note_the_end(ws, path):
        await echo(ws, path)
        closed.set_result(ws.close_code)

    async with server(note_the_end) as uri:
        status, out, err = await run(uri, data="one\n\ntwo é\nlast".encode())
        assert out == ["one", "", "two é", "last"]
        assert err == ["Connection closed: code = 1000 (OK), no reason."]
        assert status == 0
        assert await closed == 1000


async def test_the_command_may_be_named():
    async with server() as uri:
        status, out, _ = await run("connect", uri, data=b"Hello!\n")
        assert (status, out) == (0, ["Hello!"])


async def test_messages_are_shown_as_they_arrive():
    async with server() as uri, Piped.run(uri) as client:
        for word in ("one", "two"):
            client.stdin.write(f"{word}\n".encode())
            assert await client.line() == word
        assert (await client.end())[0] == 0


@pytest.mark.parametrize(("code", "status"), [(1000, 0), (1001, 0), (1011, 1), (4000, 1)], ids=str)
async def test_the_server_closes_while_the_input_is_open(code, status):
    async def close(ws):
        await ws.send("bye")
        await ws.close(code, "enough \x1b[31m")

    async with server(close) as uri, Piped.run(uri) as client:
        assert await client.line() == "bye"
        if sys.platform == "win32":
            return
        # It isn't stuck in reading from its standard input.
        assert await asyncio.wait_for(client.process.wait(), DEADLINE) == status
        _, _, err = await client.end()
        assert f"code = {code}" in err[0] and "enough" in err[0]
        assert err[0].isprintable()


async def test_a_connection_that_is_cut_is_a_failure():
    async def cut(ws):
        ws.transport.abort()

    async with server(cut) as uri:
        status, out, err = await run(uri)
        assert (status, out) == (1, [])
        assert err == ["Connection closed: code = 1006 (abnormal closure), no reason."]


async def test_input_that_is_not_text():
    async with server() as uri:
        status, out, err = await run(uri, data=b"fine\n\xff\n", PYTHONIOENCODING="utf-8:strict")
        assert status == 1
        assert out in ([], ["fine"])  # the decoder may read ahead
        assert "isn't valid text" in err[0]


async def test_there_is_no_colour_in_a_pipe():
    async with server() as uri:
        _, out, err = await run(uri, data=b"plain\n", TERM="xterm")
        assert "\x1b" not in "".join(out + err)


@posix
async def test_nobody_reads_the_output():
    async def talk(ws):
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await ws.send("x" * 1000)
                await asyncio.sleep(0)

    async with server(talk) as uri:
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "websockets", uri),
            stdin=asyncio.subprocess.PIPE,
            stdout=writing,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        os.close(writing)
        os.close(reading)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 1
        assert b"Traceback" not in await process.stderr.read()
        process.stdin.close()


async def test_nobody_listens():
    async with server() as uri:
        pass
    await expect_failure(uri, f"to {uri}: [Errno")
    await expect_failure(uri.replace("//", "//me:secret@"), f"to {uri}: [Errno")


async def test_the_server_refuses():
    async with server(process_request=lambda path, headers: (418, [], b"")) as uri:
        await expect_failure(uri, f"to {uri}: ")
        await expect_failure(uri, "418")


async def test_what_answers_is_not_a_websocket_server():
    async def answer(reader, writer):
        writer.write(b"\x1b[31mHELLO\x07\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        await expect_failure(uri_of(listening), "HTTP")


@pytest.mark.parametrize("uri", ["http://localhost/", "localhost:80", "ws://"])
async def test_uris_that_are_none(uri):
    await expect_failure(uri, f": {uri} isn't a valid URI")


@contextlib.asynccontextmanager
async def watched(**kwargs):
    """A server whose connections are noted before they are closed."""
    connections = []

    async def note(ws):
        connections.append(ws)

    async with server(note, **kwargs) as uri:
        yield uri, connections


async def test_headers_of_the_request():
    async with watched() as (uri, connections):
        await run("--header", "X-One: a: b", "--header", "x-two:", "--header", "X-One:c", uri)
        [ws] = connections
        assert ws.request_headers.get_all("X-One") == ["a: b", "c"]
        assert ws.request_headers["X-Two"] == ""


@pytest.mark.parametrize("header", ["no colon", ": no name"])
async def test_headers_that_are_none(header):
    status, out, err = await run("--header", header, "ws://localhost")
    assert (status, out) == (2, [])
    assert "error: argument --header: invalid header value" in err[-1]


async def test_a_header_that_cannot_be_sent():
    status, out, err = await run("--header", "a b: c", "ws://localhost")
    assert (status, out) == (1, [])
    assert err[0].startswith("Can't connect to ws://localhost: ")


async def test_subprotocols_and_an_origin():
    origins, subprotocols = ["https://example.com"], ["one", "two"]
    async with watched(origins=origins, subprotocols=subprotocols) as (uri, connections):
        offers = ["--subprotocol", "two", "--subprotocol", "three"]
        await run("connect", "--origin", "https://example.com", *offers, uri)
        [ws] = connections
        assert (ws.origin, ws.subprotocol) == ("https://example.com", "two")
        assert ws.request_headers["Sec-WebSocket-Protocol"] == "two, three"


@pytest.mark.parametrize("options", [[], ["--no-compression"]], ids=["compressed", "plain"])
async def test_compression(options):
    async with watched() as (uri, connections):
        await run(*options, uri)
        [ws] = connections
        assert bool(ws.extensions) == (not options)


@contextlib.asynccontextmanager
async def secure_server(folder, name="127.0.0.1"):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with server(ssl=context) as uri:
        yield uri.replace("ws:", "wss:")


async def test_certificates_to_trust(tmp_path):
    async with secure_server(tmp_path) as uri:
        await expect_failure(uri, "certificate verify failed")
        status, out, _ = await run("--cacert", str(tmp_path / "ca.pem"), uri, data=b"Hello!\n")
        assert (status, out) == (0, ["Hello!"])


async def test_no_other_certificates_are_trusted(tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    async with secure_server(tmp_path) as uri:
        status, _, err = await run("--cacert", str(tmp_path / "other.pem"), uri)
        assert status == 1 and "certificate verify failed" in err[0]


async def test_insecure(tmp_path):
    async with secure_server(tmp_path, "example.com") as uri:
        status, out, _ = await run("--insecure", uri, data=b"Hello!\n")
        assert (status, out) == (0, ["Hello!"])


async def test_what_is_trusted_makes_no_difference_without_tls():
    async with server() as uri:
        status, out, _ = await run("--insecure", uri, data=b"Hello!\n")
        assert (status, out) == (0, ["Hello!"])


@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate"], ids=["no file", "empty", "other"]
)
async def test_files_without_certificates(content, tmp_path):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    status, out, err = await run("--cacert", str(path), "wss://localhost")
    assert (status, out) == (1, [])
    assert err[0].startswith(f"No certificates in {path}: ")


async def test_certificates_cannot_be_both_checked_and_not_checked():
    status, out, err = await run("--insecure", "--cacert", "ca.pem", "wss://localhost")
    assert (status, out) == (2, [])
    assert "not allowed with argument --insecure" in err[-1]


async def test_lines_from_a_pipe_are_sent_as_they_are():
    lines = ["/ping", "/close 4000", "//", "/unknown"]
    async with server() as uri:
        status, out, _ = await run(uri, data="\n".join(lines).encode())
        assert (status, out) == (0, lines)


async def test_long_messages_are_whole_in_a_pipe():
    async def talk(ws):
        await ws.send("x" * 100_000)
        await ws.send(bytes(1000))

    async with server(talk) as uri:
        _, out, _ = await run(uri)
        assert out == ["x" * 100_000, "(binary, 1000 bytes) " + " ".join(["00"] * 1000)]


COMMANDS = ["connect", "serve", "doctor"]


async def test_help():
    status, out, err = await run("--help")
    assert (status, err) == (0, [])
    assert out[0] == "usage: python -m websockets [-h] [--version] [connect] [OPTIONS] URI"
    for command in COMMANDS:
        assert any(line.startswith(f"    {command} ") for line in out)


@pytest.mark.parametrize("command", COMMANDS)
async def test_help_for_a_command(command):
    status, out, err = await run(command, "--help")
    assert (status, err) == (0, [])
    assert out[0].startswith(f"usage: python -m websockets {command} [-h]")
    assert out[-1].startswith(f"example: python -m websockets {command} ")


def test_the_command_has_a_name_where_it_is_installed(capsys, monkeypatch):
    [script] = importlib.metadata.distribution("cywebsockets").entry_points
    assert (script.group, script.name) == ("console_scripts", "websockets")
    monkeypatch.setattr(sys, "argv", ["/somewhere/websockets", "--help"])
    with pytest.raises(SystemExit):
        script.load()()
    assert capsys.readouterr().out.startswith("usage: websockets [-h]")


async def test_version():
    status, out, _ = await run("--version")
    assert status == 0
    assert out == [f"cywebsockets {distribution_version} ({websockets.backend} backend)"]


async def test_the_uri_is_missing():
    status, out, err = await run()
    assert (status, out) == (2, [])
    assert err[0].startswith("usage: python -m websockets")


async def test_a_command_that_is_misspelt():
    status, out, err = await run("servee", "--echo")
    assert (status, out) == (2, [])
    assert err[-1].endswith("error: no command is called servee; did you mean serve?")


@pytest.mark.parametrize("uri", ["ws://connect:1", "localhost", "-serve"])
async def test_what_only_looks_like_a_misspelt_command(uri):
    _, _, err = await run(uri)
    assert "no command" not in err[-1]


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
async def test_ports_that_are_none(port):
    status, out, err = await run("serve", "--port", port)
    assert (status, out) == (2, [])
    assert err[-1].startswith("python -m websockets serve: error: argument --port")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, été, 日本, 🎉", "plain text, été, 日本, 🎉"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x00\b\r\n\t\x7f", r"\x00\x08\r\n\t\x7f"),
        ("\x80\x9b31m\x9f", r"\x80\x9b31m\x9f"),
        ("a\u202eb\u2066c\u200fd", r"a\u202eb\u2066c\u200fd"),
        ("a\u200bb\u200dc\ufeffd\u00ade", r"a\u200bb\u200dc\ufeffd\xade"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_escaped(text, shown):
    assert escape(text) == shown
    assert describe(text) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (b"", "(binary, 0 bytes)"),
        (b"\x1b", "(binary, 1 byte) 1b"),
        (b"\x00\xff", "(binary, 2 bytes) 00 ff"),
        (bytes(64), "(binary, 64 bytes) " + " ".join(["00"] * 64)),
        (bytes(65), "(binary, 65 bytes) " + " ".join(["00"] * 64) + " ..."),
    ],
    ids=lambda value: f"{len(value)}",
)
def test_binary_messages_are_shown_as_such(message, shown):
    assert describe(message) == shown
