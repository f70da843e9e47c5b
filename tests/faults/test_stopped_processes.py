"""
Processes that are stopped for longer than their time limits, and go on: what their peers have sent
meanwhile counts, though timers go off before it is read.
"""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from peer import CLOSE, PING, PONG, TEXT, close_payload, frame, xor
from variants import HAS_TRIO

import websockets

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"), reason="this needs Linux's /proc"
)

LIMIT = 0.6  # seconds
PATIENCE = 30

OPTIONS = f"open_timeout={LIMIT}, close_timeout={LIMIT}, ping_timeout={LIMIT}, compression=None"

IN_TASKS = """
import sys
from websockets.{face}.client import connect

async def main():
    async with connect(sys.argv[1], proxy=None, ping_interval=float(sys.argv[2]), {options}) as ws:
        print("open", flush=True)
        try:
            print(await ws.recv(), flush=True)
            await ws.{close}()
        finally:
            print(type(ws.protocol.close_exc).__name__, flush=True)
"""


def program(face, last_lines, close="close"):
    return IN_TASKS.format(face=face, options=OPTIONS, close=close) + last_lines


PROGRAMS = {
    "asyncio": program("asyncio", "import asyncio; asyncio.run(main())"),
    "uvloop": program("asyncio", "import asyncio, uvloop; uvloop.install(); asyncio.run(main())"),
    "trio": program("trio", "import trio; trio.run(main)", "aclose"),
    "threads": program("sync", "main()").replace("async ", "").replace("await ", ""),
}
if not HAS_TRIO:
    del PROGRAMS["trio"]


class Program:
    """A client in a process of its own, and the socket of its peer."""

    def __init__(self, way, ping_interval):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            uri = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            command = [sys.executable, "-c", PROGRAMS[way], uri, str(ping_interval)]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen(command, **pipes)
            listener.settimeout(PATIENCE)
            self.sock, _ = listener.accept()
        self.sock.settimeout(PATIENCE)
        self.stream = self.sock.makefile("rb")
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += self.stream.readline()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.kill()
        self.process.communicate()
        self.stream.close()
        self.sock.close()

    def reply(self):
        lines = self.head.split(b"\r\n")
        key = next(line.split()[1] for line in lines if line.lower().startswith(b"sec-websocket-k"))
        accept = websockets.handshake.accept_key(key.decode())
        self.sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )

    def read(self):
        """Read a short frame; return its opcode and its payload."""
        first, second = self.stream.read(2)
        key = self.stream.read(4)
        return first & 0x0F, xor(self.stream.read(second & 0x7F), key)

    def stop(self):
        """Stop it while it waits."""
        while self._state() != "S":
            time.sleep(0.001)
        self.process.send_signal(signal.SIGSTOP)
        while self._state() != "T":
            time.sleep(0.001)

    def go_on(self):
        """Let it go on when all its limits are reached."""
        time.sleep(LIMIT + 0.2)
        self.process.send_signal(signal.SIGCONT)

    def _state(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def close(self):
        self.sock.sendall(frame(CLOSE, close_payload(1000)))
        self.sock.shutdown(socket.SHUT_WR)

    def said(self):
        """Return what it has printed, when it has ended."""
        said, complaints = self.process.communicate(timeout=PATIENCE)
        return said.split() + complaints.splitlines()[-1:]


@pytest.fixture(params=list(PROGRAMS))
def way(request):
    return request.param


def test_a_response_that_came_meanwhile(way):
    with Program(way, 60) as program:
        program.stop()
        program.reply()
        program.go_on()
        assert program.process.stdout.readline() == "open\n"


def test_an_end_that_came_meanwhile(way):
    with Program(way, 60) as program:
        program.reply()
        program.sock.sendall(frame(TEXT, b"hello"))
        assert program.read()[0] == CLOSE
        program.stop()
        program.close()
        program.go_on()
        assert program.said() == ["open", "hello", "ConnectionClosedOK"]


def test_a_pong_that_came_meanwhile(way):
    with Program(way, 0.1) as program:
        program.reply()
        opcode, payload = program.read()
        assert opcode == PING
        program.stop()
        program.sock.sendall(frame(PONG, payload))
        program.go_on()
        assert program.read()[0] == PING
        program.sock.sendall(frame(TEXT, b"hello"))
        while program.read()[0] != CLOSE:
            pass
        program.close()
        assert program.said() == ["open", "hello", "ConnectionClosedOK"]
