"""
What is said over a connection: a table of coroutine functions of our end and theirs.

While one end sends, the other receives: a peer reads only when asked to, and its socket holds less
than the longest of these messages.
"""

import asyncio

SIZES = [0, 1, 125, 126, 65535, 65536, 2**20]  # bytes, around the steps of the length field
TEXTS = ["Grüße, 世界, здравствуй, 🐍", "\x00 \ufeff \u2028 \U0010ffff", "ÿ" * 40_000]
FRAGMENTS = [["one, ", "twö, ", "", "三 🐍"], [b"\x00" * 1000, b"\xff" * 70_000, b"", b"end"]]
PINGS = [b"", b"ping", bytes(range(125))]
BURST = [f"message {i}" for i in range(200)]


def text_of(size):
    """Return a text of characters of 1 to 4 bytes, which add up to a size."""
    return "aü世🐍" * (size // 10) + "." * (size % 10)


def binary_of(size):
    return bytes(range(256)) * (size // 256) + b"." * (size % 256)


def whole(fragments):
    return fragments[0][:0].join(fragments)


def check(received, sent):
    # Without the values in an assertion: pytest would compare megabytes to explain it.
    same = type(received) is type(sent) and received == sent
    assert same, f"received {received[:40]!r}..., {len(received)} long"


async def to_them(ours, theirs, message, expected=None):
    _, received = await asyncio.gather(ours.send(message), theirs.recv())
    check(received, message if expected is None else expected)


async def to_us(ours, theirs, message):
    _, received = await asyncio.gather(theirs.send(message), ours.recv())
    check(received, message)


async def there_and_back(ours, theirs, message):
    await to_them(ours, theirs, message)
    await to_us(ours, theirs, message)


async def texts(ours, theirs):
    for text in TEXTS:
        await there_and_back(ours, theirs, text)


async def sizes_of_text(ours, theirs):
    for size in SIZES:
        await there_and_back(ours, theirs, text_of(size))


async def sizes_of_binary(ours, theirs):
    for size in SIZES:
        await there_and_back(ours, theirs, binary_of(size))


async def repetition(ours, theirs):
    """A stream that remembers earlier messages compresses these to almost nothing."""
    for _ in range(3):
        await there_and_back(ours, theirs, text_of(5000))


async def bursts(ours, theirs):
    """Many messages under way at once, both ways."""

    async def send(end):
        for message in BURST:
            await end.send(message)

    async def receive(end):
        for message in BURST:
            check(await end.recv(), message)

    await asyncio.gather(send(ours), receive(theirs), send(theirs), receive(ours))


async def fragments_from_us(ours, theirs):
    for fragments in FRAGMENTS:
        await to_them(ours, theirs, fragments, expected=whole(fragments))


async def fragments_from_them(ours, theirs):
    async def one_by_one(fragments):
        for fragment in fragments:
            yield fragment

    for fragments in FRAGMENTS:
        _, received = await asyncio.gather(
            theirs.send_fragments(one_by_one(fragments)), ours.recv()
        )
        check(received, whole(fragments))


async def pings_from_us(ours, theirs):
    for payload in PINGS:
        pong = await ours.ping(payload)
        # They may need to be reading, to see the ping.
        await to_them(ours, theirs, "after the ping")
        await pong


async def pings_from_them(ours, theirs):
    for payload in PINGS:
        await theirs.ping(payload)
        check(await theirs.pong(), payload)


async def ping_between_our_fragments(ours, theirs):
    pongs = []

    async def fragments():
        yield "before the ping, "
        pongs.append(await ours.ping(b"in between"))
        yield "after the ping"

    await to_them(ours, theirs, fragments(), expected="before the ping, after the ping")
    await pongs[0]


async def ping_between_their_fragments(ours, theirs):
    async def fragments():
        yield "before the ping, "
        await theirs.ping(b"in between")
        yield "after the ping"

    _, received = await asyncio.gather(theirs.send_fragments(fragments()), ours.recv())
    check(received, "before the ping, after the ping")
    check(await theirs.pong(), b"in between")


CONVERSATIONS = [
    texts,
    sizes_of_text,
    sizes_of_binary,
    repetition,
    bursts,
    fragments_from_us,
    pings_from_us,
    pings_from_them,
    ping_between_our_fragments,
]

# For peers with the ability "fragments".
IN_THEIR_FRAGMENTS = [fragments_from_them, ping_between_their_fragments]


async def everything(ours, theirs):
    """All conversations that the peer is able to have, one after the other."""
    possible = list(CONVERSATIONS)
    if "fragments" in theirs.abilities:
        possible += IN_THEIR_FRAGMENTS
    if theirs.compressed and "pings in compressed messages" not in theirs.abilities:
        possible.remove(ping_between_our_fragments)
    for conversation in possible:
        await conversation(ours, theirs)
