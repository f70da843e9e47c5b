"""
The benchmarks' pieces: a measurement that is wrong is worse than none. Nothing here looks at speed.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import pytest
from programs import need

import websockets
from benchmarks import charts, micro, plans, scenarios, tables

if sys.platform != "linux" or shutil.which("cc") is None:
    pytest.skip("the load generator needs Linux and a C compiler", allow_module_level=True)

import resource  # noqa: E402

from benchmarks import __main__ as command_line  # noqa: E402
from benchmarks import (  # noqa: E402
    contestants,
    crowd,
    gauges,
    instructions,
    native,
    series,
    topics,
    trials,
)

pytestmark = pytest.mark.one_backend

OURS = contestants.BY_NAME["ours"]
RAW = contestants.BY_NAME["raw"]
NATIVE = contestants.BY_NAME["native"]


def scenario(kind, **kwargs):
    return scenarios.Scenario("name", "title", kind, **kwargs)


# The programs in C


@pytest.mark.parametrize("program", native.PROGRAMS)
def test_no_warnings(program):
    sources = [native.SOURCES / source for source in native.PROGRAMS[program]]
    subprocess.run(
        [*native.compiler(), *native.FLAGS, "-Werror", "-fsyntax-only", *sources], check=True
    )


# Trials of this library, and of what is no library


KINDS = {
    "echo": scenario("echo", connections=3, in_flight=5, size=100),
    "long": scenario("echo", connections=2, size=70_000, opcode=plans.BINARY),
    "empty": scenario("echo", connections=1, in_flight=2, size=0),
    "no takeover": scenario("echo", connections=2, size=300, compression="no takeover"),
    "takeover": scenario("echo", connections=2, in_flight=3, size=300, compression="takeover"),
    "tls": scenario("echo", connections=2, in_flight=2, size=20_000, tls=True),
    "broadcast": scenario("broadcast", connections=4, in_flight=2, size=100),
    "handshakes": scenario("handshakes", connections=3),
    "idle": scenario("idle", connections=50, size=10, echoed=True),
    "client": scenario("client", connections=2, in_flight=3, size=100),
    "binary client": scenario("client", connections=1, size=1000, opcode=plans.BINARY),
    "TLS client": scenario("client", connections=2, in_flight=2, size=40_000, tls=True),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contestant", [OURS, RAW, NATIVE], ids=["ours", "raw", "native"])
def test_trial(kind, contestant, tmp_path):
    wanted = KINDS[kind]
    if not contestant.can(wanted):
        pytest.skip("it has no such thing")
    if wanted.tls and not native.has_tls():
        pytest.skip("OpenSSL's headers aren't here")
    certificate = series.make_certificate(tmp_path) if wanted.tls else None
    has_figures(contestant, wanted, certificate)


@pytest.mark.parametrize("name", ["ours-threads", "raw-threads"])
def test_clients_that_block(name):
    has_figures(contestants.BY_NAME[name], scenario("threads", connections=3, size=100))


def test_more_connections_than_a_server_lets_wait():
    # Bytes without handshakes: nothing but an echo tells that one was accepted.
    has_figures(RAW, scenario("echo", connections=700, size=100))


def has_figures(contestant, wanted, certificate=None):
    for seconds in (0.05, 5):  # which is enough, whatever else the machine does
        result = trials.run(contestant, wanted, trials.Setting("asyncio", 0, seconds, certificate))
        if result["value"] > 0:
            return
    raise AssertionError(result)


SLOW_TO_OPEN = {
    "threads": """
import calling_threads, time

def converse(url, message, in_flight, count):
    time.sleep(0.5)
    while True:
        count()
        time.sleep(0.001)

calling_threads.run(converse)
""",
    "client": """
import asyncio, calling

async def converse(url, tls, message, in_flight, tally):
    await asyncio.sleep(0.5)
    while True:
        tally.echoes += 1
        await asyncio.sleep(0.001)

calling.run(converse)
""",
}


@pytest.mark.parametrize("kind", SLOW_TO_OPEN)
def test_clients_are_measured_once_all_are_at_work(kind, tmp_path):
    script = tmp_path / "client.py"
    script.write_text(SLOW_TO_OPEN[kind])
    where = {"PYTHONPATH": str(contestants.HERE / "clients")}
    slow = contestants.Contestant(
        "slow", client=(str(script),), blocking=(str(script),), group="ours", environment=where
    )
    has_figures(slow, scenario(kind, connections=2))


# What is measured of this library alone


DRIVEN = {case.name: case for case in instructions.CASES}


@pytest.mark.parametrize("name", DRIVEN)
def test_servers_that_are_driven(name):
    with instructions.driven(OURS, DRIVEN[name], "asyncio") as (driver, rounds):
        next(rounds)
        driver.count()
        for _ in range(3):
            next(rounds)
        turns = driver.turns
        driver.stop()
    # The server does all there is to do for a message, or a handshake, whenever it may.
    assert turns == 3 * (2 if DRIVEN[name].kind == "handshakes" else 1)


def test_what_was_counted():
    assert instructions.counted("events: Ir sysCount\n0 1 2\nsummary: 30 4\ntotals: 30 3\n") == {
        "Ir": 30,
        "sysCount": 4,
    }


def test_whole_frames():
    data = b"".join(plans.header(0x82, size) + bytes(size) for size in (0, 5, 126, 65536, 1))
    assert instructions.frames(data[:-1]) == [0, 2, 9, 9 + 130]
    assert instructions.frames(data)[-1] == len(data) - 3


def test_traced_memory_of_idle_connections(tmp_path):
    setting = trials.Setting("asyncio", 0, 0, None)
    idle = scenario("idle", connections=20)
    assert 1 < trials.idle(OURS, idle, setting, tmp_path, trace=True)["value"] < 100  # KiB


@pytest.mark.parametrize("compression", ["off", "takeover"])
def test_tasks_that_send(compression, tmp_path):
    row = scenario("senders", in_flight=20, compression=compression)
    assert list(gauges.send(OURS, row, "asyncio", tmp_path)) == ["seconds", "µs for one"]


def test_rows_of_several_contestants(tmp_path):
    def measure(contestant, row, loop, folder):
        return {"figure": f"{row.title} {contestant.name} {loop}"}

    gauge = gauges.Gauge("help", [scenario("echo"), scenario("recv")], measure)
    heard = []
    grid = gauges.run(gauge, [OURS, RAW], ["uvloop", "asyncio"], tmp_path, heard.append)
    assert grid == [
        ["", "uvloop: figure", "asyncio: figure"],
        ["title: ours", "title ours uvloop", "title ours asyncio"],
        ["title: raw", "title raw uvloop", "title raw asyncio"],
    ]
    assert len(heard) == 6  # raw TCP has no recv()


def test_another_tree(tmp_path):
    (tmp_path / "websockets").mkdir()
    other = contestants.find(str(tmp_path))
    assert other.variables()["PYTHONPATH"] == str(tmp_path)
    assert other.command(scenario("echo")) == OURS.command(scenario("echo"))
    assert tables.group(other.name) == "ours"
    with pytest.raises(KeyError):
        contestants.find(str(tmp_path / "websockets"))


# The load generator finds what is wrong


ECHO = plans.header(0x81, 10) + plans.text(10)
FRAME = 2 + 4 + 10  # bytes sent for it: header, mask and payload


async def load_against(echo, tmp_path):
    """Run the load generator against a server that always says the same; return its error."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {plans.ACCEPT}\r\n\r\n"
        writer.write(head.encode())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            for _ in range(100):
                await reader.readexactly(FRAME)
                writer.write(echo)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        plan = tmp_path / "plan"
        plans.write(plan, plans.request(port, "off"), plans.exchanges(plans.TEXT, 10, "off"))
        arguments = [f"port={port}", f"plan={plan}", "warmup=0", "seconds=30"]
        process = await asyncio.create_subprocess_exec(
            native.build("load"), "echo", *arguments, stderr=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[1].decode()


async def test_load_ends_when_the_server_does(tmp_path):
    error = await load_against(ECHO, tmp_path)
    assert error == "load: the server closed a connection\n"


async def test_load_cuts_echoes_at_their_headers(tmp_path):
    # A ping before each echo doesn't confuse it.
    error = await load_against(b"\x89\x02??" + ECHO, tmp_path)
    assert error == "load: the server closed a connection\n"


@pytest.mark.parametrize(
    "echo, error",
    [
        (b"\x82" + ECHO[1:], "header"),  # another opcode
        (b"\x01" + ECHO[1:], "header"),  # not final
        (b"\x81\x09" + ECHO[2:-1], "header"),  # too short
        (b"\x81\x8a" + ECHO[2:], "header"),  # masked
        (ECHO[:-1] + b"X", "content"),
    ],
)
async def test_load_refuses_wrong_echoes(echo, error, tmp_path):
    assert await load_against(echo, tmp_path) == (
        f"load: an echo's {error} is wrong"
        + (f": {echo[0]:02x} {echo[1]:02x} ...\n" if error == "header" else "\n")
    )


# What the load generator sends is what this library reads


@pytest.mark.parametrize(
    "compression, size",
    [
        *(("off", size) for size in (0, 125, 126, 65535, 65536)),
        *(
            (compression, size)
            for compression in ("no takeover", "takeover")
            for size in (300, 4096)
        ),
    ],
)
async def test_plans_are_read_as_meant(compression, size):
    received = []

    async def handler(websocket):
        async for message in websocket:
            received.append(message)

    contents = [m.decode() for m in plans.messages(plans.TEXT, size, compression)]
    pairs = plans.exchanges(plans.TEXT, size, compression)
    async with websockets.serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(plans.request(port, compression))
        head = await reader.readuntil(b"\r\n\r\n")
        # Twice: the generator starts again at the first message after the last one.
        for sent, _ in pairs * 2:
            writer.write(sent)
        writer.write(b"\x88\x80\x00\x00\x00\x00")
        await reader.read()
        writer.close()
        await writer.wait_closed()
    assert received == contents * 2
    plans.check_sample(head, compression, None)


HEAD = f"HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: {plans.ACCEPT}\r\n"
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


@pytest.mark.parametrize(
    "head, compression",
    [
        ("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: no\r\n", "off"),
        (f"{HEAD}{DEFLATE}\r\n", "off"),
        (HEAD, "takeover"),
        (f"{HEAD}{DEFLATE}; server_no_context_takeover\r\n", "takeover"),
        (f"{HEAD}{DEFLATE}\r\n", "no takeover"),
    ],
)
def test_samples_of_servers_that_agree_on_something_else(head, compression):
    with pytest.raises(ValueError):
        plans.check_sample(f"{head}\r\n".encode(), compression, None)


@pytest.mark.parametrize("content", [b"other", b"messag", b"message"])
def test_sample_of_a_compressed_echo(content):
    (payload,) = plans.compressed([content], takeover=False)
    sample = f"{HEAD}{DEFLATE}\r\n\r\n".encode() + plans.header(0xC1, len(payload)) + payload
    if content == b"message":
        assert plans.check_sample(sample, "takeover", b"message") == "permessage-deflate"
    else:
        with pytest.raises(ValueError):
            plans.check_sample(sample, "takeover", b"message")


# Series


def test_every_round_starts_with_another_contestant():
    order = [(number, c.name) for number, c in series.in_turn([OURS, RAW], 2)]
    assert order == [(0, "ours"), (0, "raw"), (1, "raw"), (1, "ours")]


def test_a_trial_that_fails_is_written_down(monkeypatch):
    def run(contestant, scenario, setting):
        if contestant is RAW:
            raise trials.TrialError("broken")
        return {"value": next(values), "p50_us": 5.0, "cpu_us": 7.0}

    values = iter([3.0, 9.0, 4.0])
    monkeypatch.setattr(trials, "run", run)
    done = []
    wanted = [(scenarios.BY_NAME["echo-32"], "uvloop", 0, [OURS, RAW])]
    series.measure(wanted, 3, 0, 0, lambda line, left: None, done.append)
    ours = {"values": [3.0, 9.0, 4.0], "value": 4.0, "p50_us": 5.0}
    ours.update(cpus=[7.0, 7.0, 7.0], cpu_us=7.0)
    results = {"ours": ours, "raw": {"error": "broken"}}
    assert done == [{"scenario": "echo-32", "loop": "uvloop", "contestants": results}]


def test_what_is_added_takes_the_place_of_what_was_there(tmp_path, monkeypatch, capsys):
    """Whatever is measured later, the scenarios have their order; one that is no more is left out."""
    monkeypatch.setattr(contestants.Contestant, "is_here", True)
    results = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(trials, "run", lambda *which: {"value": next(results)})
    latest = tmp_path / "latest.json"
    for names in ["echo-32", "echo-1k", "echo-32"]:
        options = ["--against", "raw", "--rounds", "1", "--output", str(tmp_path), "--add"]
        command_line.measure(
            command_line.parser().parse_args(["run", "--scenario", names, *options])
        )
        written = json.loads(latest.read_text())
        written["results"].append({**written["results"][0], "scenario": "a former one"})
        latest.write_text(json.dumps(written))
    found = json.loads(latest.read_text())["results"][:-1]
    assert [e["scenario"] for e in found] == ["echo-32", "echo-1k"]
    assert [e["contestants"]["raw"]["value"] for e in found] == [3.0, 2.0]
    assert str(latest) in capsys.readouterr().out


def test_every_scenario_has_contestants():
    for each in scenarios.BY_NAME.values():
        assert sum(c.can(each) for c in contestants.ALL if c.group == "peer") >= 3
        here = {name for name in each.who if contestants.BY_NAME[name].can(each)}
        assert not each.who or {"ours", "peer"} <= {tables.group(name) for name in here}


@pytest.fixture
def full_run():
    """What is measured with no option, where all the contestants are there."""
    return command_line.parser().parse_args(["all"])


def planned(options, monkeypatch):
    monkeypatch.setattr(contestants.Contestant, "is_here", True)
    return series.plan(options.scenario, options.loop, command_line.choose(options))


def test_a_full_run_takes_fifty_minutes(full_run, monkeypatch):
    wanted = planned(full_run, monkeypatch)
    times = (full_run.rounds, full_run.warmup, full_run.seconds)
    count, seconds = series.estimate(wanted, *times)
    assert full_run.rounds >= 3
    assert seconds < 50 * 60
    assert count == full_run.rounds * sum(len(who) for *_, who in wanted)


def test_who_has_a_loop_of_its_own_is_measured_once(full_run, monkeypatch):
    loops = [
        loop
        for scenario, loop, _, who in planned(full_run, monkeypatch)
        for contestant in who
        if scenario.name == "echo-32" and contestant.name == "ours-trio"
    ]
    assert loops == ["uvloop"]


def test_clients_that_block_are_measured_on_no_loop(full_run, monkeypatch):
    loops = [
        loop
        for scenario, loop, _, who in planned(full_run, monkeypatch)
        if scenario.kind == "threads" and "ours-threads" in [c.name for c in who]
    ]
    assert loops == ["threads"] * 4


@pytest.mark.parametrize("name", ["threads-1", "asgi-32"])
def test_short_runs_have_contestants_too(name, monkeypatch):
    options = command_line.parser().parse_args(["run", "--scenario", name])
    [(*_, who)] = planned(options, monkeypatch)
    assert len(who) >= 3


def test_points_that_take_more_files_than_there_are(monkeypatch, capsys):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1024, 1024))
    options = command_line.parser().parse_args(["run", "--scenario", "by-connections"])
    points = [point for _, _, point, _ in planned(options, monkeypatch)]
    assert points == [1, 10, 100]
    assert "by-connections is left out at 10000" in capsys.readouterr().out


def test_every_script_is_there():
    for contestant in contestants.ALL:
        for folder, script in (
            ("servers", contestant.server),
            ("clients", contestant.client),
            ("clients", contestant.blocking),
        ):
            assert not script or (contestants.HERE / folder / script[0]).exists()


# Tables and charts


def result(value, **kwargs):
    return {"value": value, "values": [value * 0.9, value * 1.1], **kwargs}


RESULTS = {
    "ours": result(3000.0, p50_us=12.34, p99_us=2345.0, cpu_us=7.5, cpus=[7.4, 7.6], load_cpu=0.5),
    "raw": result(6000.0, load_cpu=0.9),
    "picows": result(1500.0, cpu_us=15.0, cpus=[14.8, 15.2]),
    "aiohttp": result(1000.0),
    "tornado": {"error": "Traceback\nKeyError: 1"},
}


def test_table():
    grid = tables.bars(scenarios.BY_NAME["echo-32"], RESULTS)
    assert [row[:2] for row in grid] == [
        ["", "messages/s"],
        ["raw", "6 000"],
        ["ours", "3 000"],
        ["picows", "1 500"],
        ["aiohttp", "1 000"],
        ["tornado", "failed"],
    ]
    assert grid[2][2:] == [
        *("2 700 - 3 300", "0.50", "2.00", "12.3 µs", "2.35 ms"),
        *("7.40 µs", "0.50", "50%"),
    ]
    assert grid[1][-1] == "90% !"


def test_best_is_least_where_less_is_better():
    grid = tables.bars(scenarios.BY_NAME["idle"], RESULTS)
    assert [row[0] for row in grid] == ["", "raw", "aiohttp", "picows", "ours", "tornado"]
    assert grid[4][4] == "3.00"


# A machine that is twice as fast in the second round as in the first.
UNSTEADY = {
    "ours": {"value": 200.0, "values": [100.0, 200.0, 300.0]},
    "raw": {"value": 300.0, "values": [120.0, 300.0, 420.0]},
    "picows": {"value": 220.0, "values": [90.0, 220.0, 270.0]},
}


def test_ratios_are_those_of_neighbours():
    assert tables.beside(UNSTEADY, "ours", "picows") == pytest.approx(100 / 90)
    assert tables.beside(UNSTEADY, "picows", "ours") == pytest.approx(90 / 100)
    assert tables.beside(UNSTEADY, "ours", "raw") == pytest.approx(300 / 420)
    assert tables.beside(UNSTEADY, "ours", "aiohttp") is None
    # The median of picows is higher, and it was slower all the same.
    echo = scenarios.BY_NAME["echo-32"]
    assert tables.remarks(echo, UNSTEADY)[1] == "Ahead of ours: none."
    assert tables.ranked(echo, UNSTEADY) == ["raw", "ours", "picows"]
    assert tables.bars(echo, UNSTEADY)[2][3:5] == ["0.71", "1.11"]


def test_remarks():
    echo = scenarios.BY_NAME["echo-32"]
    best = "Best peer: picows; by processor time: picows."
    assert tables.remarks(echo, RESULTS) == [best, "Ahead of ours: none."]
    others = {"ours": result(1200.0), "ours-pure": result(10.0)}
    assert tables.remarks(echo, {**RESULTS, **others}) == [
        best,
        "Ahead of ours: picows.",
        "Ahead of ours-pure: picows, aiohttp.",
    ]
    assert tables.remarks(echo, {"ours": result(1.0), "raw": result(2.0)}) == []


def test_who_is_ahead_of_raw_tcp_is_explained():
    echo, fast = scenarios.BY_NAME["echo-32"], {**RESULTS, "picows": result(7000.0)}
    assert tables.AHEAD_OF_RAW not in tables.notes(echo, [RESULTS])
    assert tables.AHEAD_OF_RAW in tables.notes(echo, [RESULTS, fast])


def test_notes():
    notes = tables.notes(scenarios.BY_NAME["idle"], [RESULTS])
    best = "Best peer: aiohttp; by processor time: picows."
    assert notes[1:3] == [best, "Ahead of ours: aiohttp, picows."]
    notes[1:3] = []
    assert notes[0] == "Less is better."
    assert "(raw)" in notes[1]
    assert notes[2:] == ["tornado failed: KeyError: 1"]


def test_table_of_a_curve():
    by_point = {32: {"ours": result(2.0)}, 2**20: {"ours": result(1.0), "raw": {"error": "?"}}}
    assert tables.curve(scenarios.BY_NAME["by-size"], by_point) == [
        ["messages/s", "32 B", "1 MiB"],
        ["ours", "2.00", "1.00"],
        ["raw", "", "failed"],
    ]


@pytest.mark.parametrize(
    "value, written",
    [(0.5, "0.50"), (9.876, "9.88"), (98.76, "98.8"), (987.6, "988"), (1234567.0, "1 234 567")],
)
def test_numbers(value, written):
    assert tables.number(value) == written


def test_tables_are_laid_out():
    grid = [["", "one"], ["name", "2"]]
    assert tables.as_text(grid) == "      one\n---------\nname    2"
    assert tables.as_markdown(grid) == "|  | one |\n| --- | ---: |\n| name | 2 |"


ENTRIES = [
    {"scenario": "by-size", "loop": "uvloop", "point": 4096, "contestants": RESULTS},
    {"scenario": "by-size", "loop": "uvloop", "point": 32, "contestants": RESULTS},
    {"scenario": "echo-32", "loop": "uvloop", "contestants": RESULTS},
    {"scenario": "echo-32", "loop": "asyncio", "contestants": {"tornado": RESULTS["tornado"]}},
]


def test_document():
    about = series.about(rounds=3, warmup=0.1, seconds=1.5)
    text = tables.document({"about": about, "results": ENTRIES})
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "## 100 connections, 32 B text (echo-32, uvloop)",
        "## 100 connections, 32 B text (echo-32, asyncio)",
        "## 10 connections, binary, by the size of messages (by-size, uvloop)",
    ]
    json.dumps(about)


def widths(path):
    """Return the lengths of the bars in a chart."""
    chart = xml.etree.ElementTree.parse(path).getroot()
    return [float(bar.get("width")) for bar in chart.iter("{http://www.w3.org/2000/svg}rect")]


def test_charts(tmp_path):
    charts.draw(ENTRIES, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["by-size.svg", "echo-32.svg"]
    longest, *others = widths(tmp_path / "echo-32.svg")
    assert others == pytest.approx([longest / 2, longest / 4, longest / 6], rel=0.01)
    chart = xml.etree.ElementTree.parse(tmp_path / "by-size.svg").getroot()
    assert len(list(chart.iter("{http://www.w3.org/2000/svg}polyline"))) == 4


def test_loops_beside_each_other_on_one_scale(tmp_path):
    both = [
        {"scenario": "echo-32", "loop": loop, "contestants": {"ours": result(value)}}
        for loop, value in (("uvloop", 200.0), ("asyncio", 50.0))
    ]
    charts.draw(both, tmp_path)
    first, second = widths(tmp_path / "echo-32.svg")
    assert second == pytest.approx(first / 4, rel=0.01)


def test_scenarios_in_one_chart_have_a_scale_each(tmp_path):
    entries = [
        {"scenario": name, "loop": "uvloop", "contestants": {"hypercorn": result(value)}}
        for name, value in (("asgi-32", 200.0), ("asgi-64k", 50.0))
    ]
    charts.draw(entries, tmp_path)
    first, second = widths(tmp_path / "asgi.svg")
    assert first == pytest.approx(second)


def test_labels_of_curves_keep_their_distance():
    assert charts.spread({"a": 5, "b": 7, "c": 50}, 10) == {"a": 5, "b": 15, "c": 50}
    assert charts.spread({"a": 5, "b": 47, "c": 50}, 10, 50) == {"a": 5, "b": 40, "c": 50}


# Topics


@pytest.fixture
def topics_results(tmp_path, monkeypatch):
    need("redis-server")
    pytest.importorskip("redis.asyncio")
    few = [way for way in topics.WAYS if way.name in ("broadcast", "topics")]
    monkeypatch.setattr(topics, "WAYS", few)
    monkeypatch.setattr(topics, "BURSTS", 1)
    monkeypatch.setattr(topics, "RATE", 100)
    monkeypatch.setattr(topics, "WATCHING", 2)
    monkeypatch.setattr(topics, "SLOW", 1)
    words = (
        "topics --rounds 1 --connections 3 --topics 100 --seconds 0.1 --python /nowhere --output"
    )
    options = command_line.parser().parse_args([*words.split(), str(tmp_path)])
    topics.run(options, lambda line: None)
    return tmp_path


def test_topics_are_measured(topics_results):
    results = json.loads((topics_results / "topics.json").read_text())
    assert list(results["fan_out"]["1"]) == ["broadcast", "topics"]
    assert list(results["fan_out"]["2"]) == ["topics"]
    assert list(results["latency"]) == ["topics 0", "topics 1"]
    assert list(results["many"]) == ["topics"]
    measured = [*results["fan_out"].values(), results["latency"], results["many"]]
    assert {each["lost"] for by_name in measured for each in by_name.values()} == {0}
    assert 500 < results["memory"]["embedded"] < 5000
    lines = (topics_results / "topics.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        "## 100 B to 3 connections, 1 server process",
        "## 100 B to 3 connections, 2 server processes",
        "## from publish() to arrival, 100 messages/s to 2 connections",
        "## 100 topics with one connection each; times at 100 messages/s",
        "## memory of a topic with one subscriber, by tracemalloc",
    ]


async def test_rounds_end_in_time():
    now = 0.0
    rounds = []

    async def one_round():
        nonlocal now
        now += 40
        rounds.append(now)

    await topics.in_rounds(3, 100, one_round, lambda: now)
    assert rounds == [40, 80]
    await topics.in_rounds(1, 10, one_round, lambda: now)  # The first is made in any case.
    assert len(rounds) == 3


async def test_messages_that_never_arrive_are_missed(monkeypatch):
    monkeypatch.setattr(crowd, "QUIET", 0.1)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        frames = [b"\x81\x64" + f"{number:0{crowd.SIZE}}".encode() for number in (0, 2)]
        # Cut where it hurts.
        for data in (b"HTTP/1.1 101\r\n\r\n\x81\x05re", b"ady", *frames):
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        everybody = crowd.Crowd()
        everybody.expect(3)
        await everybody.connect([server.sockets[0].getsockname()[1]], ["/"], watches=True)
        assert await everybody.missing() == 1
        assert sorted(everybody.times) == [0, 2]
        everybody.close()


# Small operations


def test_small_operations_in_one_table(monkeypatch):
    def measured(name, median):
        return {"group": "mask 32 B", "name": name, "stats": {"median": median}}

    monkeypatch.setattr(micro, "upstream", lambda names: {"mask 32 B": 2e-6})
    names = {"test_copy": 1e-6, "test_mask[compiled]": 4e-6, "test_mask[pure]": 8e-3}
    benchmarks = [measured(name, median) for name, median in names.items()]
    assert micro.table({"benchmarks": benchmarks})[1:] == [
        ["mask 32 B", "4 000 ns", "8.00 ms", "2000.00", "copy", "1 000 ns", "4.00"],
        ["", "", "", "", "websockets", "2 000 ns", "2.00"],
    ]
