"""
Instructions and system calls that a server or a client takes for a message, counted by valgrind.

Owns the driver, which decides what it finds each time its event loop turns: one message, or as many
as are in flight, on each connection (native/lockstep.c is the other end). Key decision:
nothing here depends on time, so that figures of two runs differ by less than a thousandth and a
change of one percent is seen; what the kernel and the processor's caches take isn't in them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import ssl
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from . import native, plans, series, trials
from .contestants import Contestant
from .scenarios import KIB, Scenario

CONNECTIONS = 10
WARMUP, ROUNDS = 20, 50  # rounds; in each, all connections have as many messages as are in flight
TURNS = 1000  # of the event loop, in which a round has to be over
ENDLESS = 10**6  # seconds, of a clock that hardly goes on
OWN_CALLS = 4  # of the system, that native/lockstep.c makes for a turn, and one in the end
ROOM = 2**20  # bytes, in each direction of a connection
VALGRIND = "valgrind --quiet --tool=callgrind --instr-atstart=no --collect-systime=usec".split()
# For valgrind "rep movsb" is an instruction for each byte, and for processors it isn't.
NO_STRINGS = f"glibc.cpu.x86_rep_movsb_threshold={2**30}:glibc.cpu.x86_rep_stosb_threshold={2**30}"

CASES = [
    Scenario("echo-32", "32 B", "echo", CONNECTIONS, 1, 32),
    Scenario("recv-32", "32 B, recv()", "recv", CONNECTIONS, 1, 32),
    Scenario("pipeline-32", "32 B, 32 in flight", "echo", CONNECTIONS, 32, 32),
    Scenario("pipeline-recv-32", "32 B, 32 in flight, recv()", "recv", CONNECTIONS, 32, 32),
    Scenario("pipeline-33", "32 B, 33 in flight", "echo", CONNECTIONS, 33, 32),
    Scenario("pipeline-256", "32 B, 256 in flight", "echo", CONNECTIONS, 256, 32),
    Scenario("echo-64k", "64 KiB binary", "echo", CONNECTIONS, 1, 64 * KIB, plans.BINARY),
    *(
        Scenario(f"tls-{name}", f"TLS, {title}", "echo", CONNECTIONS, 1, size, opcode, tls=True)
        for name, title, size, opcode in (
            ("32", "32 B", 32, plans.TEXT),
            ("64k", "64 KiB binary", 64 * KIB, plans.BINARY),
        )
    ),
    *(
        Scenario(name, f"256 B compressed, {way}", "echo", CONNECTIONS, 1, 256, compression=way)
        for name, way in (("deflate-256", "no takeover"), ("deflate-256-takeover", "takeover"))
    ),
    Scenario("echo-1k", "1 KiB", "echo", CONNECTIONS, 1, KIB),
    Scenario("broadcast", "100 B to 100", "broadcast", 100, 1, 100),
    Scenario("handshakes", "opening and closing handshake", "handshakes", CONNECTIONS),
    Scenario("client-256", "client: 256 B", "client", CONNECTIONS, 1, 256),
    Scenario("client-pipeline-32", "client: 32 B, 32 in flight", "client", CONNECTIONS, 32, 32),
]


class Driver:
    """Who decides when the event loop turns, and what is counted."""

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(trials.PATIENCE)
        self._end = end
        self.turns = 0
        self._await_idleness()

    def _await_idleness(self) -> None:
        try:
            ended = not self._end.recv(1)
        except OSError as error:
            raise trials.TrialError(f"the server doesn't become idle: {error}") from None
        if ended:
            raise trials.TrialError("the server ended")

    def _order(self, what: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # That is seen when an answer is awaited.
            self._end.send(what)

    def turn(self) -> None:
        """Let the event loop take what is there, until it has nothing left to do."""
        self.turns += 1
        self._order(b"g")
        self._await_idleness()

    def count(self) -> None:
        """Begin to count."""
        self.turns = 0
        self._order(b"s")

    def stop(self) -> None:
        """Have written down what was counted."""
        self._order(b"d")
        self.turn()


class Peer:
    """The other end of a connection, with TLS or without."""

    def __init__(self, sock: socket.socket, tls: bool = False) -> None:
        self._sock = sock
        self.received = b""
        self.ended = False
        self.close = self._sock.close
        self._tls = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._tls = context.wrap_bio(self._incoming, self._outgoing)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self._sock.sendall(data)

    def shake_hands(self) -> bool:
        """Go on with the TLS handshake; return whether it is over."""
        if self._tls is None:
            return True
        self._incoming.write(self._read())
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._sock.sendall(self._outgoing.read())
        return True

    def _read(self) -> bytes:
        """Read what is there."""
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while not self.ended:
                pieces.append(self._sock.recv(ROOM, socket.MSG_DONTWAIT))
                self.ended = not pieces[-1]
        return b"".join(pieces)

    def receive(self) -> bytes:
        """Receive what is there."""
        data = self._read()
        if self._tls is None:
            self.received += data
            return self.received
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                self.received += self._tls.read(ROOM)
        return self.received

    def take(self, echoes: Sequence[bytes]) -> bool:
        """Take these echoes, if all are there; of compressed ones only the first byte is known."""
        data = self.receive()
        if len(echoes[0]) > 1:
            expected = b"".join(echoes)
            is_right, is_complete = expected.startswith(data), len(data) == len(expected)
        else:
            firsts = [data[start : start + 1] for start in frames(data)]
            is_right, is_complete = firsts == echoes[: len(firsts)], len(firsts) == len(echoes)
        if not is_right:
            raise trials.TrialError("an echo is wrong")
        if is_complete:
            self.received = b""
        return is_complete


def socket_with_room() -> socket.socket:
    """Make a socket that has room for a round; what it accepts has that as well."""
    sock = socket.socket()
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, ROOM)
    return sock


def peer_of(port: int, tls: bool) -> Peer:
    """Connect to a server."""
    sock = socket_with_room()
    sock.connect(("127.0.0.1", port))
    return Peer(sock, tls)


def frames(data: bytes) -> list[int]:
    """Return where whole frames begin."""
    starts, start = [], 0
    while len(data) >= start + 2:
        extended = {126: 2, 127: 8}.get(data[start + 1], 0)
        end = start + 2 + extended
        end += int.from_bytes(data[start + 2 : end], "big") if extended else data[start + 1]
        if len(data) < end:
            break
        starts.append(start)
        start = end
    return starts


def turn_until(driver: Driver, done: Callable[[Peer], bool], peers: Sequence[Peer]) -> None:
    """Let the event loop turn until that is true of every peer."""
    waiting = list(peers)
    for _ in range(TURNS):
        driver.turn()
        waiting = [peer for peer in waiting if not done(peer)]
        if not waiting:
            return
    raise trials.TrialError("no answer")


@contextlib.contextmanager
def connected(driver: Driver, case: Scenario, port: int, is_raw: bool) -> Iterator[list[Peer]]:
    """Open all connections at once, and close them in the end."""
    with contextlib.ExitStack() as held:
        peers = [
            held.enter_context(contextlib.closing(peer_of(port, case.tls)))
            for _ in range(case.connections)
        ]
        if case.tls:
            turn_until(driver, Peer.shake_hands, peers)
        if not is_raw:
            for peer in peers:
                peer.send(plans.request(port, case.compression))
            turn_until(driver, lambda peer: b"\r\n\r\n" in peer.receive(), peers)
            for peer in peers:
                plans.check_sample(peer.received, case.compression, None)
                peer.received = b""
        yield peers


def shake_hands(driver: Driver, case: Scenario, port: int, is_raw: bool) -> Iterator[None]:
    """Open and close all connections in each round."""
    close = plans.header(0x88, 2, 0x80) + plans.masked(b"\x03\xe8")
    while True:
        with connected(driver, case, port, is_raw) as peers:
            for peer in peers:
                peer.send(close)
            turn_until(driver, lambda peer: bool(peer.receive()) and peer.ended, peers)
        yield


def exchange(driver: Driver, case: Scenario, port: int, is_raw: bool) -> Iterator[None]:
    """
    Send a message, or as many as are in flight, on all connections in each round.

    A message that goes to all is sent on the first.
    """
    if is_raw:
        message = plans.payload(case.opcode, case.size)
        pairs = [(message, message)]
    else:
        pairs = plans.exchanges(case.opcode, case.size, case.compression)
    turn = itertools.cycle(pairs)
    with connected(driver, case, port, is_raw) as peers:
        while True:
            some = list(itertools.islice(turn, case.in_flight))
            echoes = [echo for _, echo in some]
            for peer in peers[:1] if case.kind == "broadcast" else peers:
                peer.send(b"".join(sent for sent, _ in some))
            turn_until(driver, partial(Peer.take, echoes=echoes), peers)
            yield


def answer(driver: Driver, case: Scenario, listener: socket.socket, is_raw: bool) -> Iterator[None]:
    """Send back what a client has sent on all connections, in each round."""
    echo = plans.payload(case.opcode, case.size)
    if not is_raw:
        echo = plans.header(0x80 | case.opcode, len(echo)) + echo
    size = case.in_flight * (len(echo) + (0 if is_raw else len(plans.MASK)))
    with contextlib.ExitStack() as held:
        peers: list[Peer] = []
        while len(peers) < case.connections:
            driver.turn()
            with contextlib.suppress(BlockingIOError):
                peers.append(held.enter_context(contextlib.closing(Peer(listener.accept()[0]))))
        if not is_raw:
            turn_until(driver, lambda peer: b"\r\n\r\n" in peer.receive(), peers)
            for peer in peers:
                peer.send(plans.response(peer.received))
                peer.received = b""
        while True:
            turn_until(driver, lambda peer: len(peer.receive()) >= size, peers)
            for peer in peers:
                if len(peer.received) != size or peer.received[0] != echo[0]:
                    raise trials.TrialError("that is no message of this client's")
                peer.received = b""
                peer.send(echo * case.in_flight)
            yield


@contextlib.contextmanager
def driven(
    contestant: Contestant, case: Scenario, loop: str, wrapper: Sequence[str] = ()
) -> Iterator[tuple[Driver, Iterator[None]]]:
    """Run what is driven; return the driver and the rounds through which it can go."""
    ours, theirs = socket.socketpair()
    with ours, theirs, socket_with_room() as listener, contextlib.ExitStack() as running:
        certificate = None
        if case.tls:
            folder = running.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-"))
            certificate = series.make_certificate(Path(folder))
        variables = {
            "LD_PRELOAD": str(native.build("lockstep")),
            "LOCKSTEP": str(theirs.fileno()),
            "PYTHONHASHSEED": "0",
            "GLIBC_TUNABLES": NO_STRINGS,
            "UV_USE_IO_URING": "0",
        }
        setting = trials.Setting(loop, ENDLESS, ENDLESS, certificate)
        how = (wrapper, variables, (theirs.fileno(),))
        is_raw = contestant.group == "raw"
        if case.kind == "client":
            listener.listen(case.connections)
            listener.setblocking(False)
            port = listener.getsockname()[1]
            running.enter_context(
                trials.client_of(contestant, case, setting, port, os.getpid(), *how)
            )
        else:
            _, about = running.enter_context(trials.server(contestant, case, setting, *how))
            port = about["port"]
        theirs.close()
        running.callback(ours.close)  # Who isn't driven any more ends as usual.
        driver = Driver(ours)
        if case.kind == "client":
            rounds = answer(driver, case, listener, is_raw)
        else:
            kind = shake_hands if case.kind == "handshakes" else exchange
            rounds = kind(driver, case, port, is_raw)
        with contextlib.closing(rounds):
            yield driver, rounds


def count(contestant: Contestant, case: Scenario, loop: str, output: Path) -> dict[str, float]:
    """
    Count one case.

    Arguments:
        output: where valgrind writes what was counted, for ``callgrind_annotate``, with ".1" added.

    Returns:
        instructions and system calls for a message, or for a connection in the case of handshakes.
    """
    if shutil.which("valgrind") is None:
        raise native.BuildError("instructions are counted by valgrind, which isn't here")
    with driven(contestant, case, loop, [*VALGRIND, f"--callgrind-out-file={output}"]) as (
        driver,
        rounds,
    ):
        for _ in range(WARMUP):
            next(rounds)
        driver.count()
        for _ in range(ROUNDS):
            next(rounds)
        turns = driver.turns
        driver.stop()
    sums = counted(Path(f"{output}.1").read_text())
    messages = ROUNDS * case.connections * case.in_flight
    calls = sums["sysCount"] - OWN_CALLS * turns - 1
    return {"instructions": sums["Ir"] / messages, "calls": calls / messages}


def counted(written: str) -> dict[str, int]:
    """Return the sums of what callgrind has written, by the names of the events."""
    lines = dict(line.split(": ", 1) for line in written.splitlines() if ": " in line)
    return dict(zip(lines["events"].split(), map(int, lines["summary"].split())))
