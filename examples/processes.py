"""
A server of several processes on one port: one for each processor, each with its own event loop.

    python processes.py --port 8765 --processes 4

The first process doesn't serve. It holds the listening sockets, and sees to those that do:

    SIGHUP  starts new processes, with the program as it is then; the old ones finish
    SIGTERM, SIGINT (Ctrl-C)  let all of them finish

A process that finishes accepts nothing more. Its connections have a while to end by themselves
before it closes them with code 1001. One that dies is started again. As the sockets stay open all
the time, nobody who connects is turned away: at worst they wait until a process is there.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import websockets

BACKLOG = 1024  # connections that may wait until a process accepts them
SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}


async def handler(websocket):
    async for message in websocket:
        await websocket.send(message)


# A process that serves


async def work(sock, ready, patience):
    """Serve on a listening socket until a signal comes, then finish."""
    loop = asyncio.get_running_loop()
    finishing = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, finishing.set)
    # What came while the program was loading was held back.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    options = {"backlog": BACKLOG, "extra_headers": {"X-Process": str(os.getpid())}}
    async with websockets.serve(handler, sock=sock, **options) as server:
        os.write(ready, b"serving")
        os.close(ready)
        await finishing.wait()
        # Nothing more is accepted; what was accepted in this turn of the loop still gets its turn.
        loop.remove_reader(sock)
        await asyncio.sleep(0.1)
        # Opening handshakes that have begun aren't refused.
        server.is_serving = lambda: True
        server.server.close()
        deadline = loop.time() + patience
        while server.websockets and loop.time() < deadline:
            await asyncio.sleep(0.1)
    # An event loop that closes can't take another signal.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


# The process that sees to them


def listen(host, port, number):
    """
    Return a listening socket for each process.

    Linux spreads what arrives over several sockets of one port. Elsewhere all accept from the same.
    """
    if sys.platform != "linux":
        return [socket.create_server((host, port), backlog=BACKLOG)] * number
    sockets = []
    for _ in range(number):
        sockets.append(socket.create_server((host, port), backlog=BACKLOG, reuse_port=True))
        port = sockets[0].getsockname()[1]
    return sockets


def start(sock):
    """Start a process that serves on a socket; return it once it does, or None if it failed."""
    listening = sock.fileno()
    receiver, sender = os.pipe()
    command = [sys.executable, *sys.argv, "--inherit", str(listening), str(sender)]
    process = subprocess.Popen(command, pass_fds=[listening, sender])
    os.close(sender)
    with open(receiver, "rb") as ready:
        if ready.read():
            return process
    process.wait()
    return None


def has_ended(process):
    return process is None or process.poll() is not None


def finish(process):
    if not has_ended(process):
        process.terminate()


def supervise(sockets):
    """Keep a process at work for each socket until a signal ends them all."""
    serving = [start(sock) for sock in sockets]
    finishing = []
    while True:
        number = signal.sigwait(SIGNALS)
        if number in (signal.SIGTERM, signal.SIGINT):
            break
        if number == signal.SIGCHLD and any(map(has_ended, serving)):
            time.sleep(1)  # What fails again and again shouldn't keep the machine busy.
        for place, old in enumerate(serving):
            if number == signal.SIGHUP or has_ended(old):
                new = start(sockets[place])
                if new is not None:
                    serving[place] = new
                    finishing.append(old)
                    finish(old)
        finishing = [process for process in finishing if not has_ended(process)]
    for process in serving + finishing:
        finish(process)
    for process in filter(None, serving + finishing):
        process.wait()


def main():
    parser = argparse.ArgumentParser(description="Serve on one port with several processes.")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--patience", type=float, default=10, help="seconds for finishing")
    parser.add_argument("--inherit", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inherit:
        listening, ready = options.inherit
        asyncio.run(work(socket.socket(fileno=listening), ready, options.patience))
    else:
        # From now on they wait until they are asked for, here and in processes that start.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        sockets = listen(options.host, options.port, options.processes)
        print(f"serving on port {sockets[0].getsockname()[1]}", flush=True)
        supervise(sockets)


if __name__ == "__main__":
    main()
