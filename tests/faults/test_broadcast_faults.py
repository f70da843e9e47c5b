"""
A broadcast reaches everybody but who is broken; a connection that is says so in its log.
"""

import asyncio
import contextlib
import logging

import pytest
from drawing import TEXT
from held import held, in_threads, watched
from peer import turns

import websockets

PURPOSE = "broken on purpose"


class Log(logging.Logger):
    """A logger of one connection; it keeps what it is told, exceptions included."""

    def __init__(self):
        super().__init__("a connection of a test", logging.WARNING)
        self.texts = []
        format_record = logging.Formatter("%(levelname)s %(message)s").format
        handler = logging.Handler()
        handler.emit = lambda record: self.texts.append(format_record(record))
        self.addHandler(handler)


def raise_it(error=RuntimeError):
    raise error(PURPOSE)


class Raises:
    """Something of a subclass that raises, whether it is read or called."""

    def __get__(self, instance, owner=None):
        if instance is None or not instance.__dict__.get("broken"):
            return getattr(super(owner, instance or owner), self.name)
        raise_it()

    def __set_name__(self, owner, name):
        self.name = name


def subclass(*names):
    """Return a kind of connection on which these raise once it is marked as broken."""
    return type(
        "Subclass", (websockets.WebSocketServerProtocol,), {name: Raises() for name in names}
    )


def break_transport(error):
    def break_it(one):
        one.transport.failing = lambda: raise_it(error)

    return break_it


def break_extension(one):
    [extension] = one.ws.extensions
    extension.failing = RuntimeError(PURPOSE)


def break_subclass(one):
    one.ws.broken = True


# What is broken: options of the connection, and how it is broken once it is open.
BROKEN = {
    "a transport that can't write": ({}, break_transport(OSError)),
    "a transport that doesn't want to": ({}, break_transport(RuntimeError)),
    "an extension": (watched("server"), break_extension),
}
# Whether a broadcast asks for these is its own affair.
for name in ("open", "state", "ensure_open", "send", "fail_connection", "logger", "path"):
    BROKEN[f"a subclass's {name}"] = ({"create_protocol": subclass(name)}, break_subclass)

every_fault = pytest.mark.parametrize("options, break_it", BROKEN.values(), ids=list(BROKEN))


@contextlib.asynccontextmanager
async def several(count, **options):
    """Hold several connections, servers' and clients'."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                held("client" if number % 3 == 2 else "server", logger=Log(), **options)
            )
            for number in range(count)
        ]


def got(one, expected):
    assert one.transport.messages == expected
    assert one.ws.logger.texts == []


@every_fault
@pytest.mark.parametrize("place", [0, 2, 5])
async def test_the_others_get_it(options, break_it, place):
    log = Log()
    async with several(5) as others:
        async with held("server", logger=log, **options) as broken:
            break_it(broken)
            connections = [one.ws for one in others]
            connections.insert(place, broken.ws)
            for number in range(3):
                log.texts.clear()
                expected = [b"%d" % one for one in range(number + 1)]
                websockets.broadcast(connections, str(number))
                for one in others:
                    got(one, expected)
                # It got the message as well, or says why not.
                if number >= len(broken.transport.messages) and break_it is not break_subclass:
                    assert any(PURPOSE in text for text in log.texts)
            await turns()
            broken.ws.__dict__.pop("broken", None)


@pytest.mark.parametrize("count", [1, 3])
async def test_several_that_are_broken(count):
    async with several(4) as others, several(count) as broken:
        for one in broken:
            one.transport.failing = raise_it
        mixed = [one.ws for pair in zip(broken * 4, others) for one in pair]
        websockets.broadcast(mixed, b"message")
        for one in others:
            got(one, [b"message"])
        for one in broken:
            assert any(PURPOSE in text for text in one.ws.logger.texts)


async def test_all_that_are_broken():
    async with several(3) as broken:
        for one in broken:
            one.transport.failing = raise_it
        websockets.broadcast([one.ws for one in broken], "message")
        for one in broken:
            assert any(PURPOSE in text for text in one.ws.logger.texts)


async def test_one_that_breaks_while_it_compresses_for_all():
    """It is the first, so that it makes the frame that the others share."""
    options = in_threads("server")
    async with contextlib.AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(held("server", logger=Log(), **options))
            for _ in range(4)
        ]
        connections[0].transport.failing = raise_it
        websockets.broadcast([one.ws for one in connections], "message " * 3)
        for one in connections[1:]:
            assert len(one.transport.messages) == 1
            assert one.ws.logger.texts == []
        assert any(PURPOSE in text for text in connections[0].ws.logger.texts)


async def test_one_that_leaves_the_set_when_it_breaks():
    async with several(5) as held_ones:
        connections = {one.ws for one in held_ones}

        def leave():
            connections.discard(held_ones[0].ws)
            raise_it(OSError)

        held_ones[0].transport.failing = leave
        websockets.broadcast(connections, "message")
        for one in held_ones[1:]:
            got(one, [b"message"])


async def test_a_broken_one_in_the_middle_of_a_fragmented_message():
    """It would be skipped; its log, where that is said, is what raises."""
    async with several(3) as others:
        async with held("server", create_protocol=subclass("logger")) as broken:
            go_on = asyncio.get_running_loop().create_future()

            async def fragments():
                yield "a"
                await go_on
                yield "b"

            sending = asyncio.ensure_future(broken.ws.send(fragments()))
            await turns()
            break_subclass(broken)
            websockets.broadcast([broken.ws, *(one.ws for one in others)], "message")
            for one in others:
                got(one, [b"message"])
            broken.ws.__dict__.pop("broken")
            go_on.set_result(None)
            await sending
            assert [d.opcode for d in broken.transport.frames].count(TEXT) == 1


async def test_a_message_of_another_type_is_still_refused():
    async with several(2) as ones:
        for message in (None, 1, ["a"], {"a": 1}):
            with pytest.raises(TypeError):
                websockets.broadcast([one.ws for one in ones], message)
        for one in ones:
            got(one, [])


@pytest.mark.parametrize("stranger", [None, "ws", 1, object])
async def test_what_is_no_connection_is_named_and_keeps_none_from_the_message(stranger):
    async with several(2) as ones:
        with pytest.raises(TypeError, match=r"^broadcast\(\) needs connections, not ") as raised:
            websockets.broadcast([ones[0].ws, stranger, ones[1].ws], "message")
        assert str(raised.value).endswith(repr(stranger))
        for one in ones:
            got(one, [b"message"])
