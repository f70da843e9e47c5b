"""
A peer that ends its side of TCP right behind its close frame can still read.

What the program answers to the messages before that, in the time that it has, leaves; then our
close frame, then the end. That goes for whatever carries the bytes, and for messages that had no
room in the inbox.
"""

import asyncio
import concurrent.futures
import importlib
import logging
import socket
import sys
import time
from functools import partial

import both
import pytest
from half_closing import HalfTLS, answers_to, frames_of, say_all, wires
from peer import BINARY, CLOSE, REQUEST, TEXT, close_payload, frame, port_of
from proxy import LINGER
from threads import Peer, Task
from threads import both_sides as both_sides_in_threads
from threads import serving as serving_in_threads
from todays import Records
from variants import HAS_TRIO

import websockets
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

MESSAGES = {"few": [b"%d" % i for i in range(3)], "more than fit": [b"%d" % i for i in range(99)]}

few_and_many = pytest.mark.parametrize("messages", MESSAGES.values(), ids=MESSAGES)
carried = pytest.mark.parametrize(
    "tls, says_goodbye",
    [
        pytest.param(False, True, id="TCP"),
        pytest.param(True, True, id="TLS"),
        pytest.param(True, False, id="TLS without close_notify"),
    ],
)


def expected(messages):
    return [*[(TEXT, message) for message in messages], (CLOSE, close_payload(1000))]


@pytest.fixture
def time_to_answer(monkeypatch):
    """Programs have more time than the tenth of a second in which a busy machine may do nothing."""
    if HAS_TRIO:
        importlib.import_module("websockets.trio.server")
    for name, module in list(sys.modules.items()):
        if name.startswith("websockets.") and hasattr(module, "ANSWER_TIME"):
            monkeypatch.setattr(module, "ANSWER_TIME", 10)


in_time = pytest.mark.usefixtures("time_to_answer")


class Telling:
    """What tells when a connection has heard the end of TCP."""

    def __init__(self):
        self._records = Records(logging.DEBUG)
        self.options = {"logger": self._records.logger, "compression": None, "max_queue": 10}

    def has_heard(self):
        return any("< EOF" in line for line in self._records.lines)


async def in_a_thread(function, *args):
    if both.runs_on_trio():
        return await both.on_trio.trio.to_thread.run_sync(function, *args)
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def with_tls(certificates, tls, says_goodbye):
    """Return an option of a server, and what its client does."""
    if not tls:
        return {}, answers_to
    options = {"context": certificates.client_context(), "says_goodbye": says_goodbye}
    return {"ssl": certificates.server_context()}, partial(answers_to, **options)


@in_time
@pytest.mark.and_trio
@few_and_many
@carried
@pytest.mark.parametrize("reactor", [True, False])
async def test_answers_of_today_s_servers(messages, tls, says_goodbye, reactor, certificates):
    telling = Telling()
    options, answers = with_tls(certificates, tls, says_goodbye)
    if both.runs_on_trio():
        if not reactor:
            pytest.skip("trio has none")
        if not says_goodbye:
            pytest.skip("trio's TLS is broken then")
    elif not reactor:
        options["reactor"] = False

    async def handler(ws):
        first = await ws.recv()
        await both.until(telling.has_heard)
        await ws.send(first)
        async for message in ws:
            await ws.send(message)

    async with both.serving(handler, **options, **telling.options) as server:
        frames = await in_a_thread(answers, messages, both.port_of(server))
    assert frames == expected(messages)


@in_time
@few_and_many
@carried
async def test_answers_of_servers_of_8_1(messages, tls, says_goodbye, certificates):
    telling = Telling()
    options, answers = with_tls(certificates, tls, says_goodbye)

    async def handler(ws, path):
        first = await ws.recv()
        await both.until(telling.has_heard)
        await ws.send(first)
        async for message in ws:
            await ws.send(message)

    options = {**options, **telling.options}
    async with websockets.serve(handler, "127.0.0.1", 0, **options) as server:
        frames = await in_a_thread(answers, messages, port_of(server))
    assert frames == expected(messages)


@in_time
@few_and_many
@carried
def test_answers_of_servers_in_threads(messages, tls, says_goodbye, certificates):
    telling = Telling()
    options, answers = with_tls(certificates, tls, says_goodbye)

    def handler(ws):
        first = ws.recv()
        if len(messages) == 3:
            wait_for(telling.has_heard)
        ws.send(first)
        for message in ws:
            ws.send(message)

    with serving_in_threads(handler, **options, **telling.options) as server:
        frames = answers(messages, server.socket.getsockname()[1])
    assert frames == expected(messages)


def wait_for(condition):
    while not condition():
        time.sleep(0.0001)


@in_time
@both_sides_in_threads
def test_answers_of_both_sides_in_threads(connection):
    telling = Telling()
    with connection(**telling.options) as (ws, peer):
        say_all(peer, MESSAGES["few"])
        received = [ws.recv()]
        wait_for(telling.has_heard)
        received += [ws.recv(), ws.recv()]
        for message in received:
            ws.send(message)
        with pytest.raises(ConnectionClosedOK):
            ws.recv()
        assert frames_of(peer) == expected(MESSAGES["few"])


@both_sides_in_threads
def test_a_long_answer_in_threads_leaves_whole(connection):
    """It leaves as the peer reads, which may be after it has ended its side."""
    telling = Telling()
    with connection(close_timeout=None, **telling.options) as (ws, peer):
        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        say_all(peer, [b"?"])
        ws.recv()
        wait_for(telling.has_heard)
        sending = Task(ws.send, bytes(5_000_000))
        assert frames_of(peer) == [(BINARY, bytes(5_000_000)), (CLOSE, close_payload(1000))]
        sending.result()
        assert ws.wait_closed(5)


@both_sides_in_threads
def test_a_long_answer_in_threads_leaves_whole_though_tcp_ends_meanwhile(connection):
    telling = Telling()
    with connection(close_timeout=None, **telling.options) as (ws, peer):
        ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.write(wires([b"?"], peer.masked))
        ws.recv()
        sending = Task(ws.send, bytes(5_000_000))
        wait_for(lambda: ws.state.name == "CLOSING")
        peer.sock.shutdown(socket.SHUT_WR)
        wait_for(telling.has_heard)
        assert frames_of(peer) == [(BINARY, bytes(5_000_000)), (CLOSE, close_payload(1000))]
        sending.result()
        assert ws.wait_closed(5)


@both_sides_in_threads
@pytest.mark.parametrize("ends", [False, True])
def test_who_never_reads_in_threads_does_not_hold_up_the_end(connection, ends):
    with connection(close_timeout=None) as (ws, peer):
        peer.write(wires([b"unread"], peer.masked))
        if ends or not peer.masked:
            peer.sock.shutdown(socket.SHUT_WR)
        assert peer.read() == (0x80 | CLOSE, close_payload(1000))
        peer.leave()
        assert ws.wait_closed(5)
        assert ws.recv() == "unread"


@both_sides_in_threads
def test_who_vanishes_in_threads_is_not_waited_for(connection):
    with connection(close_timeout=None) as (ws, peer):
        peer.write(wires([b"0", b"1"], peer.masked))
        assert ws.recv() == "0"
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        peer.sock.close()
        assert ws.wait_closed(5)
        assert ws.close_exc.rcvd.code == 1000 and ws.close_exc.sent is None
        assert ws.recv() == "1"


def test_the_end_of_tls_in_threads_where_the_peer_is_gone(certificates):
    """To say goodbye to it fails, and nothing else does."""
    opened = concurrent.futures.Future()

    def handler(ws):
        opened.set_result(ws)
        ws.wait_closed()

    options = {"ssl": certificates.server_context(), "compression": None, "max_queue": 1}
    with serving_in_threads(handler, **options) as server:
        sock = socket.create_connection(server.socket.getsockname())
        peer = Peer(HalfTLS(sock, certificates.client_context()), masked=True)
        peer.write(REQUEST + b"\r\n")
        peer.read_head()
        ws = opened.result(5)
        peer.write(wires([b"unread"] * 9, masked=True))
        assert ws.recv() == "unread"
        peer.close()
        # The close frame goes to a socket that isn't there: so nothing can follow it.
        ws.close()
        assert ws.close_code == 1000


@both_sides_in_threads
def test_any_thread_may_be_told_of_the_end_that_another_has_read(connection):
    for _ in range(50):
        with connection() as (ws, peer):
            receiving = Task(ws.recv)
            peer.write(frame(3, masked=peer.masked))
            peer.read_close()
            peer.close()
            assert ws.wait_closed(5)
            with pytest.raises(ConnectionClosedError):
                receiving.result()
