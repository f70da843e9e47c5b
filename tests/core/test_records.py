"""
Records of TLS: what OpenSSL is asked directly comes out as if Python's objects had been asked.

Three ways to do the same: the pure twin, and the compiled one with OpenSSL's functions and without.
"""

import ctypes
import gc
import os
import ssl
import subprocess
import sys

import pytest
from openssl import CALLED, TLS_1_2, TLS_1_3, OpenSSL, needs_openssl_functions
from package import ROOT
from stranger import VERSIONS, every_version
from variants import BACKENDS

from websockets import _core

pytestmark = pytest.mark.one_backend

RECORD = 2**14


class Broken(ssl.SSLObject):
    """A program's own SSLObject."""


class End:
    """One end of a TLS connection in memory."""

    def __init__(self, context, **options):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)

    def shake_hands(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def received(self):
        """Return what has come for this end."""
        pieces = []
        try:
            while True:
                pieces.append(self.tls.read(2**20))
                if not pieces[-1]:
                    break
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def sealed(self, data):
        """Return the record, or the records, with these bytes."""
        pieces = []
        while data:
            size = self.tls.write(data[:RECORD])
            pieces.append(self.outgoing.read())
            data = data[size:]
        return b"".join(pieces)


def number_of_records(data):
    """Return how many whole records these are."""
    count = 0
    while data:
        size = 5 + int.from_bytes(data[3:5], "big")
        assert size <= len(data)
        count, data = count + 1, data[size:]
    return count


def pair(certificates, version="TLS 1.3", change=lambda context: None):
    """Return two ends behind their handshake; the first is the client."""
    client_context, server_context = certificates.client_context(), certificates.server_context()
    client_context.maximum_version = client_context.minimum_version = VERSIONS[version]
    change(client_context)
    client = End(client_context, server_hostname="localhost")
    server = End(server_context, server_side=True)
    over = False
    while not over:
        over = client.shake_hands()
        server.incoming.write(client.outgoing.read())
        over = server.shake_hands() and over
        client.incoming.write(server.outgoing.read())
    server.received()
    return client, server


class Ways:
    """What makes records, in each way."""

    def __init__(self, compiled):
        pure = _core.load("pure").records
        self.all = {"pure": (pure, False)}
        if compiled is not None:
            self.all.update({"asked": (compiled, False), "direct": (compiled, True)})

    def records(self, way, end):
        module, direct = self.all[way]
        tls = end.tls._sslobj if type(end.tls) is ssl.SSLObject else end.tls
        return module.Records(tls, end.incoming, end.outgoing, ssl.SSLWantReadError, direct)


NAMES = ["pure", "asked", "direct"] if "compiled" in BACKENDS else ["pure"]


@pytest.fixture(scope="module")
def ways(request):
    compiled = request.getfixturevalue("compiled_core").records if len(NAMES) > 1 else None
    return Ways(compiled)


@pytest.fixture(params=NAMES)
def way(request):
    return request.param


def described(exc):
    """Return all there is to know of an exception, but for the line of C."""
    if exc is None:
        return None
    text = str(exc).rpartition(" (_ssl.c:")[0]
    return type(exc), exc.errno, text, getattr(exc, "library", None), getattr(exc, "reason", None)


def test_python_s_own_objects_are_passed_by(ways, certificates):
    client, _ = pair(certificates)
    for way in ways.all:
        direct = ways.records(way, client).direct
        assert direct == (way == "direct" and CALLED)


@pytest.mark.parametrize(
    "change",
    [
        lambda context: setattr(context, "sslobject_class", Broken),
        lambda context: setattr(context, "keylog_filename", os.devnull),
        lambda context: setattr(context, "_msg_callback", lambda *args: None),
    ],
    ids=["subclass", "keys", "messages"],
)
def test_what_somebody_watches_is_asked(change, ways, certificates):
    client, server = pair(certificates, change=change)
    for way in ways.all:
        records = ways.records(way, client)
        assert not records.direct
        records.feed(server.sealed(b"Hello"))
        assert records.open() == b"Hello"


def test_other_memory_is_not_passed_by(ways, certificates):
    client, server = pair(certificates)
    client.incoming, server.incoming = server.incoming, client.incoming
    assert not any(ways.records(way, client).direct for way in ways.all)


@every_version
@pytest.mark.parametrize("size", [1, 100, 1023, 1024, RECORD, RECORD + 1, 70_000, 300_000])
def test_both_ways(size, version, way, ways, certificates):
    client, server = pair(certificates, version)
    records = ways.records(way, client)
    message = os.urandom(size)
    for head in (b"", b"0123456789"):
        sealed, total = 0, len(head) + size
        while sealed < total:
            group = records.seal(head, message, sealed)
            assert records.done == min(sealed + 5 * RECORD, total) and not records.refused
            assert number_of_records(group) == -(-(records.done - sealed) // RECORD)
            sealed = records.done
            server.incoming.write(group)
        assert server.received() == head + message
    records.feed(server.sealed(message))
    assert records.waiting() > size
    assert records.open() == message
    assert records.waiting() == 0 and not records.over


@pytest.mark.parametrize("step", [1, 5, 100, 16_000, 20_000, 90_000])
def test_parts_of_records(step, way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    message = os.urandom(min(step * 1000, 200_000))
    data = server.sealed(message)
    opened = []
    for start in range(0, len(data), step):
        records.feed(memoryview(data)[start : start + step])
        opened.append(records.open())
    assert b"".join(opened) == message


def test_what_was_said_before_is_in_front(way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    for size in (10, 20_000):
        client.tls.write(b"before")
        server.incoming.write(records.seal(b"0123456789", bytes(size), 0))
        assert not records.answers()
        assert server.received() == b"before0123456789" + bytes(size)


def test_python_s_objects_go_on_where_they_were_left(way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    messages = [os.urandom(size) for size in (100, 1000, 40_000)]
    data = server.sealed(b"".join(messages))
    records.feed(data[:-500])
    opened = bytearray(50)
    assert records.open_into(memoryview(opened)) == 50
    records.settle()
    client.incoming.write(data[-500:])
    assert bytes(opened) + client.received() == b"".join(messages)
    server.incoming.write(records.seal(b"", b"one", 0))
    client.tls.write(b"two")
    server.incoming.write(client.outgoing.read())
    assert server.received() == b"onetwo"
    # What they left is there for the records.
    client.incoming.write(server.sealed(b"three"))
    again = ways.records(way, client)
    assert again.waiting() > 5
    again.feed(server.sealed(b"four"))
    assert again.open() == b"threefour"


def test_nothing_comes_of_nothing(way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    records.feed(b"")
    assert records.open() == b"" and not records.answers() and records.answer() == b""
    records.feed(server.sealed(b"x"))
    assert records.open() == b"x"
    assert records.open() == b"" and not records.over


@pytest.mark.parametrize("space", [1, 1000, RECORD, 100_000])
def test_records_into_their_place(space, way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    message = os.urandom(50_000)
    records.feed(server.sealed(message))
    place, opened = bytearray(space), b""
    while records.waiting():
        size = records.open_into(memoryview(place))
        assert 0 < size <= space
        opened += place[:size]
    # The last record may not be read to its end.
    assert opened + records.open() == message


def test_bytes_may_change_once_they_are_settled(way, ways, certificates):
    """As in a buffer that others read into next."""
    client, server = pair(certificates)
    records = ways.records(way, client)
    message = os.urandom(60_000)
    data = bytearray(server.sealed(message))
    records.feed(memoryview(data))
    place = bytearray(1000)
    assert records.open_into(memoryview(place)) == 1000
    records.settle()
    data[:] = bytes(len(data))
    assert bytes(place) + records.open() == message


def flipped(data, index=-1):
    changed = bytearray(data)
    changed[index] ^= 1
    return bytes(changed)


def close_notify(end):
    with pytest.raises(ssl.SSLWantReadError):
        end.tls.unwrap()
    return end.outgoing.read()


def alert(server):
    """What the server says to garbage."""
    server.incoming.write(b"garbage" * 10)
    with pytest.raises(ssl.SSLError):
        server.tls.read(1)
    return server.outgoing.read()


ENDS = {
    "a changed byte": lambda server: flipped(server.sealed(b"Hello")),
    "a changed version": lambda server: flipped(server.sealed(b"Hello"), 1),
    "a changed length": lambda server: flipped(server.sealed(b"Hello"), 3),
    "garbage": lambda server: b"garbage" * 100,
    "another record": lambda server: b"\x17\x03\x03\x00\x20" + bytes(32),
    "plain text": lambda server: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "much garbage": lambda server: server.sealed(bytes(40_000)) + b"garbage" * 10_000,
    "an alert": alert,
    "close_notify": close_notify,
    "close_notify and more": lambda server: close_notify(server) + b"garbage",
    "a message and close_notify": lambda server: server.sealed(b"Hello") + close_notify(server),
    "many and garbage": lambda server: server.sealed(bytes(40_000)) + b"garbage" * 10,
}


@every_version
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("end", ENDS)
def test_the_end_is_the_same_in_all_ways(end, in_place, version, ways, certificates):
    seen = {}
    for way in ways.all:
        client, server = pair(certificates, version)
        records = ways.records(way, client)
        records.feed(ENDS[end](server))
        opened = bytearray(100_000)
        size = 0
        while in_place and records.waiting() and not records.over:
            # As a connection does, which has room for a message.
            count = records.open_into(memoryview(opened)[size:])
            size += count
            if not count:
                break
        rest = b"" if in_place else records.open()
        over, exc = records.over, described(records.take_error())
        assert records.take_error() is None
        answer = len(records.answer())
        again = (records.open(), records.over, described(records.take_error()))
        seen[way] = bytes(opened[:size]), rest, over, exc, answer, again
    assert len(set(seen.values())) == 1, seen
    if "version" not in end and "length" not in end:
        [opened, rest, over, exc, *_] = seen["pure"]
        assert over and (exc is None) == ("close_notify" in end)


def test_sealing_behind_the_end(ways, certificates):
    seen = []
    for way in ways.all:
        client, _ = pair(certificates)
        records = ways.records(way, client)
        close_notify(client)
        with pytest.raises(ssl.SSLError) as caught:
            records.seal(b"", b"Hello", 0)
        assert not records.answers()
        seen.append(described(caught.value))
    assert len(set(seen)) == 1, seen


@needs_openssl_functions
def test_errors_of_others_are_not_taken_for_ours(compiled_core, ways, certificates):
    if "direct" not in ways.all:
        pytest.skip("Python's own objects take them for theirs")
    import _ssl

    way = "direct"

    library = ctypes.CDLL(_ssl.__file__)
    library.BIO_new_file.restype = ctypes.c_void_p

    def leave_an_error():
        assert not library.BIO_new_file(b"/nonexistent", b"r")

    client, server = pair(certificates)
    records = ways.records(way, client)
    data = server.sealed(b"Hello")
    for part in (data[:10], data[10:]):
        leave_an_error()
        records.feed(part)
        opened = records.open()
    assert opened == b"Hello" and not records.over
    leave_an_error()
    sealed = records.seal(b"", b"Hello", 0)
    library.ERR_clear_error()
    server.incoming.write(sealed)
    assert server.received() == b"Hello"
    records.feed(close_notify(server))
    leave_an_error()
    assert records.open() == b"" and records.over
    assert records.take_error() is None
    library.ERR_clear_error()


class Talk:
    """A server's end of ours and a client whose OpenSSL can do what Python's can't."""

    def __init__(self, ways, way, version, certificates, named=None):
        context = certificates.server_context()
        context.sni_callback = named
        context.options |= 0x100  # OP_ALLOW_CLIENT_RENEGOTIATION
        self.end = End(context, server_side=True)
        self.peer = OpenSSL(version)
        for _ in range(4):
            self.peer.shake_hands()
            self.end.incoming.write(self.peer.to_send())
            self.end.shake_hands()
            self.peer.receive(self.end.outgoing.read())
        self.records = ways.records(way, self.end)

    def hear(self):
        """Have the peer's bytes opened."""
        self.records.feed(self.peer.to_send())
        return self.records.open()

    def go_on(self):
        """Go on with a handshake until nobody has anything to say."""
        said = True
        while said:
            self.peer.receive(self.records.answer())
            self.peer.shake_hands()
            said = self.peer.to_send()
            self.records.feed(said)
            assert self.records.open() == b""

    def say(self, data):
        """Seal bytes; return how many of them."""
        self.peer.receive(self.records.seal(b"", data, 0))
        return self.records.done


@needs_openssl_functions
def test_keys_that_are_updated(way, ways, certificates):
    talk = Talk(ways, way, TLS_1_3, certificates)
    for size in (10, 1000, 5000):
        talk.peer.update_keys()
        talk.peer.write(b"Hello")
        assert talk.hear() == b"Hello"
        # What OpenSSL says by itself is in front of the next record, at the latest.
        if talk.records.answers():
            talk.peer.receive(talk.records.answer())
        assert talk.say(bytes(size)) == size
        assert talk.peer.read(10_000) == bytes(size)
    talk.peer.close()


@needs_openssl_functions
def test_a_renegotiation_refuses_what_is_to_be_sealed(way, ways, certificates):
    talk = Talk(ways, way, TLS_1_2, certificates)
    talk.peer.write(b"before")
    talk.peer.renegotiate()
    assert talk.hear() == b"before"
    assert talk.say(b"Hello") == 0 and talk.records.refused
    talk.go_on()
    assert talk.say(b"Hello") == 5 and not talk.records.refused
    assert talk.peer.read(10) == b"Hello"
    talk.peer.close()


@needs_openssl_functions
@pytest.mark.parametrize("size", [1, 100, RECORD + 600, 50_000])
def test_records_that_are_longer_than_usual(size, way, ways, certificates):
    """OpenSSL fills them up where a program asks it for that (RFC 8446 5.4)."""
    import _ssl

    def fill_up(context):
        # OpenSSL's context is behind what all objects begin with.
        place = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
        set_padding = ctypes.CDLL(_ssl.__file__).SSL_CTX_set_block_padding
        assert set_padding(place, ctypes.c_size_t(8000)) == 1

    client, server = pair(certificates, change=fill_up)
    records = ways.records(way, client)
    for message in (os.urandom(size), b"short", os.urandom(size)):
        sealed = records.seal(b"0123456789", message, 0)
        assert len(sealed) >= 8000 and records.done == 10 + len(message)
        server.incoming.write(sealed)
        assert server.received() == b"0123456789" + message


@needs_openssl_functions
def test_other_connections_in_the_middle_of_a_call(way, ways, certificates):
    """OpenSSL may call a program, which may do anything but with this connection."""
    client, server = pair(certificates)
    records = ways.records(way, client)
    heard = []

    def callback(*args):
        if talk is not None:
            records.feed(server.sealed(bytes(30_000)))
            server.incoming.write(records.seal(b"", b"Hello", 0))
            heard.append((records.open(), server.received()))

    talk = None
    talk = Talk(ways, way, TLS_1_2, certificates, callback)
    talk.peer.write(b"before")
    talk.peer.renegotiate()
    assert talk.hear() == b"before"
    talk.go_on()
    assert heard == [(bytes(30_000), b"Hello")]
    assert talk.say(b"Hello") == 5
    assert talk.peer.read(10) == b"Hello"
    talk.peer.close()


def test_records_keep_what_they_stand_on(way, ways, certificates):
    client, server = pair(certificates)
    records = ways.records(way, client)
    data = server.sealed(bytes(40_000))
    client.tls = client.incoming = client.outgoing = None
    del client
    gc.collect()
    # What was freed would be somebody else's by now.
    others = [pair(certificates) for _ in range(3)]
    records.feed(data)
    assert records.open() == bytes(40_000)
    server.incoming.write(records.seal(b"", b"Hello", 0))
    assert server.received() == b"Hello"
    del others, records


def test_an_interpreter_that_is_not_known(compiled_core, certificates):
    """Nothing is believed of objects that nobody has looked into."""
    program = """if True:
        import ssl, sys
        sys.path[:0] = ["tests/support"]
        from websockets import _core
        CHANGE
        a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_bio(a, b, True)._sslobj
        print(_core.load("compiled").records.Records(tls, a, b, ssl.SSLWantReadError, True).direct)
    """
    changes = {
        "sys.version_info = (3, 99, 0)": "False",
        "import _ssl; _ssl.OPENSSL_VERSION = 'LibreSSL 9'": "False",
        "import _ssl; _ssl.OPENSSL_VERSION_NUMBER += 1": "False",
        "import _ssl; _ssl.__file__ = '/nonexistent.so'": "False",
        "import _ssl; del _ssl.__file__": "False",
        "pass": str(CALLED),
    }
    for change, expected in changes.items():
        command = [sys.executable, "-c", program.replace("CHANGE", change)]
        assert subprocess.check_output(command, cwd=ROOT, text=True).strip() == expected, change
