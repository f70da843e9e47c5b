"""
Threads as programs have them: interrupts, forks, pools, the one thread of the library, the end of
the interpreter.
"""

import concurrent.futures
import contextlib
import gc
import os
import selectors
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest
from peer import BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame
from threads import PATIENCE, Task, blocked, both_sides, client_and_peer, echo, serving, uri_of

from websockets import backend
from websockets._threads import session, system
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.protocol import State
from websockets.sync.client import connect

KEEPER = "websockets-keeper"


def keepers():
    return [thread for thread in threading.enumerate() if thread.name == KEEPER]


def connected(server, **options):
    return connect(uri_of(server), proxy=None, legacy=True, **options)


# Pools


def test_a_pool_of_threads_with_a_connection_each():
    with serving(echo) as server:

        def talk(i):
            with connected(server) as ws:
                ws.send(f"{i}" * 1000)
                return ws.recv()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert list(pool.map(talk, range(40))) == [f"{i}" * 1000 for i in range(40)]


def test_a_pool_of_threads_with_one_connection():
    with serving(echo) as server, connected(server) as ws:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            sent = [pool.submit(ws.send, f"{i}") for i in range(200)]
            heard = pool.submit(lambda: sorted(int(ws.recv()) for _ in range(200)))
            for future in sent:
                future.result(PATIENCE)
            assert heard.result(PATIENCE) == list(range(200))


# The one thread


def test_one_thread_for_all_clients():
    def handler(connection):
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    before = threading.active_count() - len(keepers())
    with contextlib.ExitStack() as stack:
        peers = []
        for _ in range(40):
            ws, peer = stack.enter_context(client_and_peer())
            peers.append((ws, peer))
        assert threading.active_count() - before <= 1
        for i in range(3):
            for _, peer in peers:
                peer.send(PING, bytes([i]))
            for _, peer in peers:
                assert peer.read() == (0x80 | PONG, bytes([i]))
        [keeper] = keepers()
        assert keeper.daemon
    keeper.join(PATIENCE)
    assert not keeper.is_alive()


def test_it_begins_again():
    for _ in range(2):
        with client_and_peer() as (_, peer):
            peer.send(PING, b"x")
            assert peer.read() == (0x80 | PONG, b"x")
        for keeper in keepers():
            keeper.join(PATIENCE)
        assert not keepers()


@pytest.mark.parametrize("error", [MemoryError, OSError])
def test_it_goes_on_after_an_error(error, monkeypatch):
    select = selectors.DefaultSelector.select
    errors = [error]

    def failing(selector, timeout=None):
        if errors and threading.current_thread().name == KEEPER:
            raise errors.pop()
        return select(selector, timeout)

    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    monkeypatch.setattr(selectors.DefaultSelector, "select", failing)
    with client_and_peer() as (_, peer):
        while errors:
            time.sleep(0.001)
        if error is MemoryError:
            assert keepers()
        with client_and_peer():  # which has something for it to do
            peer.send(PING, b"x")
            assert peer.read() == (0x80 | PONG, b"x")


@both_sides
def test_messages_wait_while_nobody_receives(connection):
    with connection(max_queue=None) as (ws, peer):
        for i in range(50):
            peer.send(BINARY, bytes([i]))
        peer.send(PING, b"behind them")
        assert peer.read() == (0x80 | PONG, b"behind them")
        assert [ws.recv(timeout=0) for _ in range(50)] == [bytes([i]) for i in range(50)]


@both_sides
def test_reading_goes_on_once_there_is_room(connection):
    with connection(max_queue=4) as (ws, peer):
        for i in range(50):
            peer.send(BINARY, bytes([i]))
        peer.send(PING, b"behind them")
        for i in range(50):
            assert ws.recv() == bytes([i])
        assert peer.read() == (0x80 | PONG, b"behind them")


@both_sides
def test_a_connection_that_is_left_and_used_in_turn(connection):
    with connection() as (ws, peer):
        for i in range(6):
            peer.send(PING, b"%d" % i)
            assert peer.read() == (0x80 | PONG, b"%d" % i)  # by the one thread
            task = Task(ws.recv)
            peer.send(TEXT, b"%d" % i)
            assert task.result() == f"{i}"  # by another


def test_nothing_is_left_of_connections_that_are_closed():
    with serving(list) as server:
        gc.collect()
        gc.disable()
        try:
            refs = []
            for i in range(10):
                with connected(server) as ws:
                    ws.send(f"{i}")
                    ws.ping().wait(PATIENCE)
                refs.append(weakref.ref(ws))
                del ws
            assert [ref() for ref in refs] == [None] * 10
        finally:
            gc.enable()


# Interrupts


@contextlib.contextmanager
def interrupted_by(handler):
    """Have a signal handler called once this thread waits for a socket."""
    this = threading.current_thread()

    def interrupt():
        blocked(this)
        signal.pthread_kill(this.ident, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, handler)
    task = Task(interrupt)
    try:
        yield
        task.result()
    finally:
        signal.signal(signal.SIGALRM, before)


needs_signals = pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has none")


class Mine(BaseException):
    pass


ERRORS = [KeyboardInterrupt, TimeoutError, Mine]


def raiser(error):
    def handler(number, stack):
        raise error

    return handler


@needs_signals
@both_sides
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_an_interrupt_while_receiving_changes_nothing(connection, error, timeout):
    with connection() as (ws, peer):
        for _ in range(2):
            with interrupted_by(raiser(error)), pytest.raises(error) as caught:
                ws.recv(timeout)
            assert "timed out in" not in str(caught.value)
        peer.send(TEXT, b"x")
        assert Task(ws.recv).result() == "x"
        peer.send(PING, b"x")
        assert peer.read() == (0x80 | PONG, b"x")


@needs_signals
@both_sides
def test_an_interrupt_in_the_middle_of_a_large_message(connection):
    with connection(max_size=None) as (ws, peer):
        size = 1_000_000
        data = frame(BINARY, bytes(range(250)) * (size // 250), masked=peer.masked)
        peer.write(data[: size // 2])
        with interrupted_by(raiser(KeyboardInterrupt)), pytest.raises(KeyboardInterrupt):
            ws.recv()
        task = Task(peer.write, data[size // 2 :])
        assert ws.recv() == bytes(range(250)) * (size // 250)
        task.result()


@needs_signals
@both_sides
def test_others_go_on_with_a_large_message_after_an_interrupt(connection):
    with connection(max_size=None) as (ws, peer):
        size = 1_000_000
        data = frame(BINARY, bytes(range(250)) * (size // 250), masked=peer.masked)
        peer.write(data[: size // 2])
        with interrupted_by(raiser(KeyboardInterrupt)), pytest.raises(KeyboardInterrupt):
            ws.recv()
        peer.write(data[size // 2 :])
        peer.send(PING, b"x")
        assert peer.read() == (0x80 | PONG, b"x")
        assert ws.recv() == bytes(range(250)) * (size // 250)


@needs_signals
@both_sides
def test_an_interrupt_while_sending_leaves_whole_frames(connection):
    with connection() as (ws, peer):
        size = 20_000_000
        with interrupted_by(raiser(KeyboardInterrupt)), pytest.raises(KeyboardInterrupt):
            ws.send(bytes(size))
        task = Task(ws.send, "next")
        first = peer.read()
        if first != (0x80 | TEXT, b"next"):  # before there was a frame
            assert first == (0x80 | BINARY, bytes(size))
            assert peer.read() == (0x80 | TEXT, b"next")
        task.result()


@contextlib.contextmanager
def interrupted_at(step, waits, module=system):
    """Raise KeyboardInterrupt at a step of what is done with the system, as a handler may."""
    steps = 0

    def trace(frame, event, argument):
        nonlocal steps
        if frame.f_code.co_filename != module.__file__:
            return None
        if steps == step:
            raise KeyboardInterrupt
        steps += 1
        if frame.f_code.co_name == "wait":
            waits()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@both_sides
def test_an_interrupt_at_any_step_leaves_both_streams_whole(connection):
    message = bytes(range(250)) * 16000
    for step in range(40):
        with connection() as (ws, peer):
            # It doesn't fit into the socket, so that what arrives is read meanwhile.
            ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            peer.send(TEXT, b"x")
            reads = threading.Event()
            task = Task(lambda reads=reads, peer=peer: reads.wait(PATIENCE) and peer.read())
            with interrupted_at(step, reads.set), pytest.raises(KeyboardInterrupt):
                ws.send(message)
            reads.set()
            assert task.result() == (0x80 | BINARY, message)
            assert ws.recv(PATIENCE) == "x"
            ws.send("next")
            assert peer.read() == (0x80 | TEXT, b"next")


@both_sides
def test_an_interrupt_while_what_came_is_seen_to_ends_the_connection(connection):
    """Otherwise both would wait for each other: the close frame is here, and the answer isn't."""
    interrupted = 0
    for step in range(12):
        with connection(close_timeout=None) as (ws, peer):
            with interrupted_at(step, bool, session), contextlib.suppress(ConnectionClosed):
                task = Task(say_goodbye, peer, threading.current_thread())
                try:
                    ws.recv()
                except KeyboardInterrupt:
                    interrupted += 1
            task.result()
            assert ws.wait_closed(PATIENCE)
    assert interrupted > 5


def say_goodbye(peer, thread):
    """Close and leave, once that thread waits for a socket."""
    blocked(thread)
    peer.send(CLOSE, close_payload(1000))
    peer.leave()


@needs_signals
@both_sides
def test_an_interrupt_while_closing(connection):
    with connection() as (ws, peer):
        with interrupted_by(raiser(KeyboardInterrupt)), pytest.raises(KeyboardInterrupt):
            ws.close()
        assert ws.state is State.CLOSING
        assert peer.answer_close() == (1000, "")
        ws.close()
        assert ws.close_code == 1000


@needs_signals
@both_sides
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_signal_handler_may_close(connection, timeout):
    with connection() as (ws, peer):
        task = Task(peer.answer_close)
        with interrupted_by(lambda number, stack: ws.close(1001)):
            with pytest.raises(ConnectionClosedOK):
                ws.recv(timeout)
        assert task.result() == (1001, "")


@both_sides
def test_a_signal_handler_may_read_what_was_there_for_one_who_waits_for_a_time(connection):
    handled = threading.Event()

    def trace(frame, event, argument):
        """Do as a handler that is called as soon as it is known that something can be read."""
        if frame.f_code.co_filename == system.__file__ and frame.f_code.co_name == "wait":
            if event == "return" and argument:
                sys.settrace(None)
                assert ws.ping(b"x").wait(PATIENCE)
                handled.set()
            return trace
        return None

    def receive():
        sys.settrace(trace)
        try:
            return ws.recv(timeout=0.2)
        finally:
            sys.settrace(None)

    with connection() as (ws, peer):
        receiving = Task(receive)
        blocked(receiving)
        peer.send(PING, b"there")
        answers = {peer.read() for _ in range(2)}
        assert answers == {(0x80 | PONG, b"there"), (0x80 | PING, b"x")}
        peer.send(PONG, b"x")
        assert handled.wait(PATIENCE)
        with pytest.raises(TimeoutError, match="timed out in 0.2s"):
            receiving.result()


@needs_signals
@both_sides
def test_a_signal_handler_may_send_and_wait_for_a_pong(connection):
    done = []
    handled = threading.Event()

    def handler(number, stack):
        ws.send("from the handler")
        done.append(ws.ping(b"x").wait(PATIENCE))
        handled.set()

    with connection() as (ws, peer):

        def answers():
            assert peer.read() == (0x80 | TEXT, b"from the handler")
            assert peer.read() == (0x80 | PING, b"x")
            peer.send(PONG, b"x")
            if backend == "pure":
                handled.wait(PATIENCE)
            peer.send(TEXT, b"message")

        task = Task(answers)
        with interrupted_by(handler):
            assert ws.recv() == "message"
        task.result()
        assert done == [True]


# Forks

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")


def in_child(function):
    """Run a function in a forked child; return whether it has returned True."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            signal.alarm(PATIENCE)
            status = 0 if function() else 1
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_has_connections_of_its_own():
    def in_the_child():
        with client_and_peer() as (ws, peer):
            peer.send(PING, b"x")
            peer.read()
            peer.send(TEXT, b"x")
            return ws.recv() == "x"

    with client_and_peer() as (ws, peer):
        peer.send(PING, b"x")
        assert peer.read() == (0x80 | PONG, b"x")  # so that there is a thread
        assert in_child(in_the_child)
        peer.send(PING, b"y")
        assert peer.read() == (0x80 | PONG, b"y")
        peer.send(TEXT, b"still")
        assert ws.recv() == "still"


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_does_not_read_connections_of_its_parent():
    ready, go = os.pipe(), os.pipe()

    def in_the_child():
        with client_and_peer() as (other, peer):
            peer.send(PING, b"x")
            peer.read()  # The child's own thread is at work.
            os.write(ready[1], b"x")
            os.read(go[0], 1)
        return True

    with client_and_peer() as (ws, peer):
        peer.send(PING, b"x")
        peer.read()
        child = Task(in_child, in_the_child)
        os.read(ready[0], 1)
        for i in range(20):
            peer.send(BINARY, bytes([i]))
            assert ws.recv() == bytes([i])
        peer.send(PING, b"y")
        assert peer.read() == (0x80 | PONG, b"y")
        os.write(go[1], b"x")
        assert child.result()
    for descriptor in (*ready, *go):
        os.close(descriptor)


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_connection_may_be_handed_to_a_child():
    with client_and_peer(ping_interval=0.05) as (ws, peer):
        byte0, payload = peer.read()
        peer.send(PONG, payload)

        def in_the_child():
            ws.send("from the child")
            return True

        child = Task(in_child, in_the_child)
        while byte0 != 0x80 | TEXT:
            byte0, payload = peer.read()
        assert payload == b"from the child"
        assert child.result()


# The end of the interpreter


def run(program):
    """Run a program to its end; return what it has printed."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::ResourceWarning",
            "-c",
            textwrap.dedent(program),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["tests/support", os.getcwd()])},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    "ending",
    [
        "",
        "Task(ws.recv)",
        "import atexit; atexit.register(ws.close)",
        "ws.ping()",
        "Task(ws.send, bytes(20_000_000))",
        "raise SystemExit(0)",
    ],
)
def test_a_program_that_ends_with_open_connections(ending):
    program = f"""
        from threads import Task, client_with_peer
        from peer import PING, TEXT
        ws, peer = client_with_peer(ping_interval=0.05, close_timeout=1)
        more = [client_with_peer() for _ in range(5)]
        peer.send(PING, b"x")
        peer.read()
        print("done")
        {ending}
    """
    assert run(program) == "done\n"


def test_importing_starts_nothing():
    program = """
        import threading, sys
        import websockets
        assert "websockets.sync" not in sys.modules
        import websockets.sync.client, websockets.sync.server
        assert threading.active_count() == 1
        for name in ("asyncio", "ssl"):
            print(name in sys.modules)
    """
    run(program)


@both_sides
def test_a_peer_that_goes_while_nobody_looks(connection):
    with connection() as (ws, peer):
        peer.write(frame(8, close_payload(1001), masked=peer.masked))
        peer.read_close()
        peer.close()
        while ws.state is not State.CLOSED or ws.socket.fileno() != -1:
            time.sleep(0.001)


# Clocks


@pytest.mark.one_backend
@pytest.mark.parametrize("seconds", [3e6, 1e9, 1e300, float("inf")])
def test_times_that_are_longer_than_the_system_can_be_told(seconds):
    def handler(ws):
        ws.send(ws.recv(timeout=seconds))
        ws.wait_closed()

    names = "open_timeout", "ping_interval", "ping_timeout", "close_timeout"
    options = dict.fromkeys(names, seconds)
    with serving(handler, **options) as server:
        with connected(server, **options) as ws:
            receiving = Task(ws.recv, seconds)
            blocked(receiving)
            ws.send("at last")
            assert receiving.result() == "at last"
            assert all(keeper.is_alive() for keeper in keepers()) and keepers()
    assert ws.close_code == 1000


@pytest.mark.one_backend
@pytest.mark.parametrize("seconds", [1e10, 1e300, float("inf")])
def test_a_time_to_open_that_no_socket_can_be_told(seconds):
    with serving(echo, open_timeout=seconds) as server:
        with connected(server, open_timeout=seconds) as ws:
            ws.send("at last")
            assert ws.recv() == "at last"


@pytest.mark.parametrize("seconds", [1e10, float("inf")])
def test_who_waits_beside_a_reader_may_wait_for_as_long(seconds):
    with client_and_peer() as (ws, peer):
        receiving = Task(ws.recv)
        blocked(receiving)
        waiting = Task(ws.ping(b"x").wait, seconds)
        waiting.join(0.1)  # It waits, or has failed.
        peer.send(PONG, b"x")
        assert waiting.result()
        peer.send(TEXT, b"x")
        assert receiving.result() == "x"


def test_programs_that_replace_the_clock_of_modules(monkeypatch):
    real, modules = time.monotonic, [value for value in sys.modules.values() if value]
    for module in modules:
        if getattr(module, "__name__", "").startswith("websockets"):
            for name, value in list(vars(module).items()):
                if value is real:
                    monkeypatch.setattr(module, name, lambda: 1.6e9)
    with serving(echo) as server, connected(server) as ws:
        ws.send("frozen")
        assert ws.recv(timeout=PATIENCE) == "frozen"
        monkeypatch.undo()
        assert ws.ping().wait(PATIENCE)
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        assert all(keeper.is_alive() for keeper in keepers()) and keepers()
