"""
The command that connects, as it is used in a terminal.
"""

import asyncio
import contextlib
import re
import signal

import pytest
from peer import uri_of
from terminal import (
    CLOSED,
    CONNECTED,
    CTRL_A,
    CTRL_C,
    CTRL_D,
    CTRL_E,
    CTRL_K,
    DEADLINE,
    HEIGHT,
    UP,
    WIDTH,
    Terminal,
    insist,
    posix,
    server,
)

import websockets

with contextlib.suppress(ImportError):  # Windows has none of them
    import termios
try:
    import readline
except ImportError:
    readline = None

# The command runs on an event loop of its own.
pytestmark = [pytest.mark.one_loop, pytest.mark.one_backend]


@posix
@pytest.mark.parametrize("key", [CTRL_D, CTRL_C], ids=["Ctrl-D", "Ctrl-C"])
async def test_a_conversation(key):
    async with server() as uri, Terminal.run(uri) as terminal:
        await terminal.see(CONNECTED, "> ")
        terminal.type("hello\r")
        await terminal.see("> hello", "< hello", "> ")
        terminal.type("é日\r")
        await terminal.see("> é日", "< é日", "> ")
        terminal.type(key)
        await terminal.see(CLOSED, "")
        assert await terminal.end() == 0
        assert "\x1b[32m< hello\x1b[m" in terminal.output


@contextlib.asynccontextmanager
async def talker(**variables):
    """A terminal, and the server's end of its connection."""
    opened = asyncio.get_running_loop().create_future()

    async def hold(ws):
        opened.set_result(ws)
        await ws.wait_closed()

    async with server(hold) as uri, Terminal.run(uri, **variables) as terminal:
        yield terminal, await asyncio.wait_for(opened, DEADLINE)


@posix
async def test_messages_arrive_above_the_line_that_is_being_typed():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.see("> half a")
        for number in range(3):
            await ws.send(f"message {number}")
            await terminal.see(f"< message {number}", "> half a")
        terminal.type(" line")
        await terminal.see("> half a line")
        await ws.send(b"\x00\x01")
        await terminal.see("< (binary, 2 bytes) 00 01", "> half a line")
        terminal.type("\r")
        assert await ws.recv() == "half a line"
        await terminal.see("< (binary, 2 bytes) 00 01", "> half a line", "> ")
        assert sum("half" in row for row in terminal.screen.rows) == 1
        # Between two lines the terminal isn't readline's, and Ctrl-D would get lost there.
        terminal.type(CTRL_D)
        assert await terminal.end() == 0


needs_readline = pytest.mark.skipif(
    "libedit" in (getattr(readline, "__doc__", None) or "libedit"), reason="that is GNU readline's"
)


@posix
@needs_readline
async def test_the_cursor_stays_where_it_was():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("abcdef" + CTRL_A)
        await terminal.see("> abcdef")
        await ws.send("message")
        await terminal.see("< message", "> abcdef")
        terminal.type("X")
        await terminal.see("> Xabcdef")
        terminal.type(CTRL_K + "\r")
        assert await ws.recv() == "X"


@posix
@needs_readline
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
async def test_messages_arrive_between_keys(unbuffered):
    async with talker(PYTHONUNBUFFERED=unbuffered) as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("abcdef")
        for number in range(100):
            # Each of these keys moves the cursor by a control sequence, and none of them may be cut in two.
            terminal.type((CTRL_A + CTRL_E) * 3)
            await ws.send(f"message {number}")
            await terminal.see(f"< message {number}", "> abcdef")
        terminal.type("\r")
        assert await ws.recv() == "abcdef"
        await terminal.see("> abcdef", "> ")
        terminal.type(CTRL_D)
        assert await terminal.end() == 0


@posix
@needs_readline
async def test_a_line_longer_than_the_screen():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        line = " ".join(f"word{number}" for number in range(40))
        terminal.type(line)
        await terminal.until(lambda rows: rows[-1].endswith("word39"))
        height = len(terminal.screen.rows)
        await ws.send("message")
        await terminal.until(lambda rows: rows[-2] == "< message" and rows[-1].endswith("word39"))
        assert len(terminal.screen.rows) == height + 1
        terminal.type("\r")
        assert await ws.recv() == line


def start_of(text):
    return lambda rows: rows[-1].startswith(text)


@posix
async def test_messages_longer_than_the_screen():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.until(start_of("> half a"))
        message = "".join(chr(ord("a") + number % 26) for number in range(1000))
        assert len(message) > HEIGHT * WIDTH
        await ws.send(message)
        await ws.send("end")
        await terminal.see("< end", "> half a")
        shown = "".join(terminal.screen.rows)
        assert shown == f"{CONNECTED}< {message}< end> half a"


@posix
async def test_the_rest_of_a_long_message_is_not_shown():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        await ws.send("x" * 1001)
        await ws.send("end")
        await terminal.see("< end", "> ")
        shown = "".join(terminal.screen.rows)
        assert shown == f"{CONNECTED}< {'x' * 1000} ... (1001 characters)< end> "


@posix
async def test_a_subprotocol_is_told():
    async with server(subprotocols=["chat"]) as uri:
        async with Terminal.run("--subprotocol", "chat", uri) as terminal:
            told = CONNECTED.replace("Connected.", "Connected, subprotocol chat.")
            await terminal.see(told, "> ")


@posix
async def test_ping():
    async with talker() as (terminal, _):
        await terminal.see(CONNECTED, "> ")
        terminal.type("/ping\r")
        await terminal.until(
            lambda rows: re.fullmatch(r"Pong after [\d.]+ ms\.", rows[-2]) and rows[-1] == "> "
        )


@posix
async def test_a_ping_that_is_not_answered():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        ws.transport.pause_reading()
        terminal.type("/ping\r")
        await terminal.see("> /ping", "> ")
        terminal.type("half a")
        await terminal.see("> half a")
        ws.transport.abort()
        assert await terminal.end() == 1
        assert "Traceback" not in terminal.output and "Pong" not in terminal.output


@posix
@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("/close", 1000, ""),
        ("/close 4000", 4000, ""),
        ("/close 1001 that is  enough", 1001, "that is  enough"),
    ],
)
async def test_close(line, code, reason):
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type(f"{line}\r")
        # What the person asks for is no failure.
        assert await terminal.end() == 0
        assert (ws.close_code, ws.close_reason) == (code, reason)
        await terminal.until(lambda rows: rows[-2].startswith(f"Connection closed: code = {code}"))


@posix
@pytest.mark.parametrize("words", ["1005", "77", f"1000 {'x' * 124}", "9" * 5000], ids=len)
async def test_what_cannot_be_said_when_closing(words):
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type(f"/close {words}\r")
        await terminal.until(lambda rows: "That can't be said when closing: " in terminal.output)
        terminal.type("still here\r")
        assert await ws.recv() == "still here"


@posix
@pytest.mark.parametrize("line", ["/", "/help", "/ping now", "/close now", "/Close"])
async def test_unknown_commands_are_not_sent(line):
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type(f"{line}\r")
        await terminal.until(lambda rows: "/close [CODE [REASON]]" in "".join(rows))
        terminal.type("text\r")
        assert await ws.recv() == "text"


@posix
async def test_lines_that_begin_with_a_slash():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("//ping\r///\r")
        assert [await ws.recv(), await ws.recv()] == ["/ping", "//"]


@posix
async def test_combining_characters():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        await ws.send("e\u0301")
        await terminal.until(lambda rows: "e\u0301" in terminal.output)


@posix
@pytest.mark.skipif(readline is None, reason="there is no readline")
async def test_history():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("first\r")
        assert await ws.recv() == "first"
        await terminal.see("> ")
        terminal.type(UP)
        await terminal.see("> first")
        terminal.type("!\r")
        assert await ws.recv() == "first!"


@posix
async def test_the_server_closes_while_somebody_types():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        terminal.type("half a")
        await terminal.until(start_of("> half a"))
        await ws.close(4000, "enough\x9b31m")
        assert await terminal.end() == 1
        await terminal.until(lambda rows: "code = 4000" in rows[-2] and rows[-1] == "")
        assert "\x9b" not in terminal.output


@posix
async def test_the_server_closes_at_once():
    async def close(ws):
        await ws.close(1001)

    async with server(close) as uri, Terminal.run(uri) as terminal:
        assert await terminal.end() == 0


@posix
@pytest.mark.skipif(readline is None, reason="there is no readline")
async def test_the_terminal_is_left_as_it_was():
    async with talker() as (terminal, ws):
        await terminal.see(CONNECTED, "> ")
        assert termios.tcgetattr(terminal.master) != terminal.attributes
        await ws.close()
        assert await terminal.end() == 0
        assert termios.tcgetattr(terminal.master) == terminal.attributes


@posix
async def test_a_server_that_does_not_answer_to_closing():
    connected = asyncio.Event()
    finished = asyncio.Event()

    async def accept(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"(?i)sec-websocket-key: (.*)\r\n", head)[1].decode()
        accept_key = websockets.handshake.accept_key(key).encode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key + b"\r\n\r\n"
        )
        connected.set()
        await finished.wait()
        writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with listening, Terminal.run(uri_of(listening)) as terminal:
        await terminal.see(CONNECTED, "> ")
        # The first closes the connection, which takes seconds here; the second doesn't wait.
        await insist(terminal.process, lambda: terminal.type(CTRL_C))
        assert terminal.process.returncode in (130, -signal.SIGINT)
        finished.set()


@posix
async def test_ctrl_c_while_it_connects():
    accepted = asyncio.Event()
    finished = asyncio.Event()

    async def keep_silent(reader, writer):
        accepted.set()
        await finished.wait()
        writer.close()

    listening = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    async with listening, Terminal.run(uri_of(listening)) as terminal:
        await accepted.wait()
        terminal.type(CTRL_C)
        assert await terminal.end() == 130
        assert "Traceback" not in terminal.output
        finished.set()


@posix
@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"]
)
async def test_terminals_without_colour(variables):
    async with talker(**variables) as (terminal, ws):
        await terminal.until(start_of("> "))
        await ws.send("message")
        await terminal.until(lambda rows: "< message" in rows)
        terminal.type(CTRL_D)
        assert await terminal.end() == 0
        assert "\x1b[3" not in terminal.output


@posix
async def test_an_empty_no_color_means_nothing():
    async with talker(NO_COLOR="") as (terminal, ws):
        await ws.send("message")
        await terminal.until(lambda rows: "\x1b[32m< message\x1b[m" in terminal.output)


@posix
async def test_failure_in_a_terminal():
    async with server() as uri:
        pass
    async with Terminal.run(uri) as terminal:
        assert await terminal.end() == 1
        await terminal.until(lambda rows: rows[0].startswith(f"Can't connect to {uri}: "))
