"""
What is measured: one line for each scenario, and who takes part in it when everything is measured.

Owns the parameters of every scenario and nothing else. Each kind has a function in trials.py. Key
decision: a full run has to end within 50 minutes, so only a few scenarios have all contestants and
both loops; whatever is left out can be asked for by name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .plans import BINARY, TEXT

KIB, MIB = 2**10, 2**20
LOOPS = ("uvloop", "asyncio")
FIRST = LOOPS[:1]
# Who takes part where not everybody does, by their names in contestants.py.
CORE = ("raw", "picows", "ours", "picows.websockets", "ours-asyncio", "websockets", "aiohttp")
FAST = ("raw", "picows", "ours", "picows.websockets", "ours-asyncio", "aiohttp")
HOSTS = ("uvicorn+websockets", "ours-uvicorn", "ours-asgi", "uvicorn+wsproto", "granian")


@dataclass(frozen=True)
class Scenario:
    """
    One scenario.

    kind: "echo", "broadcast", "handshakes", "idle" or "client" (all others measure servers); for
    this library alone also "recv" (echoes by recv()) and "senders" (see gauges.py).
    compression: "off", or with or without "takeover" of the context from message to message.
    echoed: whether idle connections have had a message each.
    application: what the program is written with, "asgi", "starlette" or "fastapi", where servers
        that host such programs are compared; otherwise empty.
    scale: the argument that varies in a curve, or empty.
    who: the contestants of a full run; empty, if all that can take part do.
    loops: the event loops of a full run; empty, if it has no place there.
    """

    name: str
    title: str
    kind: str
    connections: int = 1
    in_flight: int = 1
    size: int = 0
    opcode: int = TEXT
    compression: str = "off"
    tls: bool = False
    echoed: bool = False
    application: str = ""
    unit: str = "messages/s"
    scale: str = ""
    points: tuple[int, ...] = ()
    who: tuple[str, ...] = ()
    loops: tuple[str, ...] = LOOPS

    @property
    def less_is_better(self) -> bool:
        return self.kind == "idle"

    @property
    def is_plain(self) -> bool:
        """Whether there is neither TLS nor compression."""
        return not self.tls and self.compression == "off"

    def at(self, point: int) -> Scenario:
        """Return one point of a curve as a scenario of its own."""
        return replace(self, **{self.scale: point}) if self.scale else self


ALL = [
    Scenario("echo-32", "100 connections, 32 B text", "echo", 100, 1, 32),
    Scenario("echo-1k", "100 connections, 1 KiB text", "echo", 100, 1, KIB, who=CORE),
    Scenario("pipeline-32", "10 connections, 32 in flight, 32 B text", "echo", 10, 32, 32),
    *(
        Scenario(
            f"pipeline-{depth}",
            f"10 connections, {depth} in flight, 32 B text",
            "echo",
            10,
            depth,
            32,
            who=who,
            loops=loops,
        )
        for depth, who, loops in ((64, FAST, FIRST), (128, FAST, FIRST), (256, CORE, LOOPS))
    ),
    Scenario(
        "echo-64k",
        "10 connections, 64 KiB binary",
        "echo",
        10,
        1,
        64 * KIB,
        BINARY,
        who=(*CORE, "ours-pure"),
    ),
    Scenario(
        "echo-64k-text", "10 connections, 64 KiB text", "echo", 10, 1, 64 * KIB, TEXT, who=CORE
    ),
    Scenario("echo-1m", "4 connections, 1 MiB binary", "echo", 4, 1, MIB, BINARY, who=CORE),
    Scenario(
        "tls-32",
        "TLS, 100 connections, 32 B text",
        "echo",
        100,
        1,
        32,
        tls=True,
        who=(*CORE, "ours-pure"),
    ),
    Scenario(
        "tls-64k",
        "TLS, 10 connections, 64 KiB binary",
        "echo",
        10,
        1,
        64 * KIB,
        BINARY,
        tls=True,
        who=CORE,
    ),
    *(
        Scenario(
            f"deflate-{label}{way}{ending}",
            f"{connections} connections, {in_flight} in flight, {size} B compressed, {context}",
            "echo",
            connections,
            in_flight,
            size,
            compression=context,
            who=who,
            loops=FIRST,
        )
        for context, ending in (("no takeover", ""), ("takeover", "-takeover"))
        for label, size in (("256", 256), ("4k", 4 * KIB))
        for way, connections, in_flight, who in (
            ("", 100, 1, (*CORE, "ours-pure", "ours+zlib-ng", "aiohttp+zlib-ng")),
            ("-pipeline", 10, 32, ("ours", "picows.websockets", "websockets", "aiohttp")),
        )
    ),
    Scenario(
        "broadcast",
        "100 B text to 500 connections",
        "broadcast",
        500,
        2,
        100,
        unit="deliveries/s",
        who=(*CORE, "ours-pure"),
    ),
    Scenario(
        "handshakes",
        "opening handshakes, 50 at a time",
        "handshakes",
        50,
        unit="handshakes/s",
        who=("native", *CORE, "ours-pure"),
    ),
    *(
        Scenario(
            f"idle{'' if compression == 'off' else '-deflate'}{'-echoed' if echoed else ''}",
            f"idle connections, compression {'off' if compression == 'off' else 'on'}"
            + (", one message echoed" if echoed else ""),
            "idle",
            1000,
            1,
            256,
            compression=compression,
            echoed=echoed,
            unit="KiB/connection",
            who=who,
            loops=() if compression == "off" and echoed else FIRST,
        )
        for compression, who in (("off", ()), ("takeover", CORE))
        for echoed in (False, True)
    ),
    *(
        Scenario(
            f"{application}-{label}",
            f"{name}: {title}",
            "echo",
            connections,
            in_flight,
            size,
            opcode,
            application=application,
            who=HOSTS if application != "asgi" else (*HOSTS, "hypercorn"),
            loops=loops[application],
        )
        for application, name in (
            ("asgi", "ASGI"),
            ("starlette", "Starlette"),
            ("fastapi", "FastAPI"),
        )
        for label, title, connections, in_flight, size, opcode, loops in (
            (
                "32",
                "100 connections, 32 B text",
                100,
                1,
                32,
                TEXT,
                {"asgi": LOOPS, "starlette": FIRST, "fastapi": FIRST},
            ),
            (
                "pipeline-32",
                "10 connections, 32 in flight, 32 B text",
                10,
                32,
                32,
                TEXT,
                {"asgi": LOOPS, "starlette": (), "fastapi": FIRST},
            ),
            (
                "64k",
                "10 connections, 64 KiB binary",
                10,
                1,
                64 * KIB,
                BINARY,
                {"asgi": LOOPS, "starlette": (), "fastapi": ()},
            ),
        )
    ),
    Scenario("client-256", "client: 20 connections, 256 B text", "client", 20, 1, 256),
    Scenario(
        "client-1k",
        "client: 4 connections, 32 in flight, 1 KiB binary",
        "client",
        4,
        32,
        KIB,
        BINARY,
        who=CORE,
    ),
    Scenario(
        "client-1m", "client: 2 connections, 1 MiB binary", "client", 2, 1, MIB, BINARY, who=CORE
    ),
    *(
        Scenario(
            f"client-tls-{label}",
            f"client, TLS: {connections} connections, {title}",
            "client",
            connections,
            1,
            size,
            opcode,
            tls=True,
            who=CORE,
        )
        for label, connections, title, size, opcode in (
            ("256", 20, "256 B text", 256, TEXT),
            ("64k", 2, "64 KiB binary", 64 * KIB, BINARY),
        )
    ),
    *(
        Scenario(
            f"threads-{label}",
            f"client that blocks: {title}",
            "threads",
            connections,
            in_flight,
            size,
            opcode,
        )
        for label, title, connections, in_flight, size, opcode in (
            ("1", "1 connection, 32 B text", 1, 1, 32, TEXT),
            ("20", "20 connections, 32 B text", 20, 1, 32, TEXT),
            ("pipeline", "1 connection, 32 in flight, 32 B text", 1, 32, 32, TEXT),
            ("64k", "1 connection, 64 KiB binary", 1, 1, 64 * KIB, BINARY),
        )
    ),
    Scenario(
        "by-connections",
        "32 B text, by the number of connections",
        "echo",
        size=32,
        scale="connections",
        points=(1, 10, 100, 1000, 10000),
        who=CORE,
        loops=FIRST,
    ),
    Scenario(
        "by-size",
        "10 connections, binary, by the size of messages",
        "echo",
        10,
        opcode=BINARY,
        scale="size",
        points=(32, KIB, 8 * KIB, 64 * KIB, 512 * KIB, 4 * MIB),
        who=("raw", "picows", "ours", "ours-pure", "websockets", "aiohttp"),
        loops=FIRST,
    ),
]
# Both sides of where the library begins to do something else: its queue is full (max_queue), or
# payloads aren't copied, go into their place, or aren't joined with others any more.
THRESHOLDS = [
    *(
        Scenario(f"in-flight-{n}", f"10 connections, {n} in flight, 32 B text", "echo", 10, n, 32)
        for n in (16, 32, 33, 64, 128, 256)
    ),
    *(
        Scenario(f"{n}k", f"10 connections, {n} KiB binary", "echo", 10, 1, n * KIB, BINARY)
        for n in (15, 16, 17, 63, 64, 65, 255, 256, 257)
    ),
]
BY_NAME = {scenario.name: scenario for scenario in ALL + THRESHOLDS}
QUICK = ["echo-32", "pipeline-32", "echo-64k", "handshakes", "idle", "client-256"]
