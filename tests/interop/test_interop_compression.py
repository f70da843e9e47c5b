"""Compression (RFC 7692) negotiated and used with implementations that others wrote."""

from peers.conversations import everything
from peers.end import Wishes
from peers.links import connected, with_peers

from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)
from websockets.headers import parse_extension


def agreed(ours):
    """Return the parameters that the server has answered with, or None without compression."""
    header = ours.response_headers.get("Sec-WebSocket-Extensions")
    if header is None:
        assert ours.extensions == []
        return None
    [(name, params)] = parse_extension(header)
    assert name == "permessage-deflate"
    assert [extension.name for extension in ours.extensions] == [name]
    return dict(params)


def factory(link, **settings):
    make = ServerPerMessageDeflateFactory if link.connect else ClientPerMessageDeflateFactory
    return make(**settings)


@with_peers("compression")
async def test_both_want_it(link):
    async with connected(link, Wishes("deflate")) as (ours, theirs):
        assert not any(name.endswith("no_context_takeover") for name in agreed(ours))
        assert theirs.compressed
        await everything(ours, theirs)


@with_peers("compression")
async def test_we_refuse_it(link):
    async with connected(link, Wishes("deflate"), compression=None) as (ours, theirs):
        assert agreed(ours) is None
        assert not theirs.compressed
        await everything(ours, theirs)


@with_peers()
async def test_they_refuse_it(link):
    async with connected(link, compression="deflate") as (ours, theirs):
        assert agreed(ours) is None
        assert not theirs.compressed
        await everything(ours, theirs)


@with_peers("compression")
async def test_we_want_no_context_takeover(link):
    deflate = factory(link, server_no_context_takeover=True, client_no_context_takeover=True)
    async with connected(link, Wishes("deflate"), extensions=[deflate]) as (ours, theirs):
        # What a client says of itself needs no answer: RFC 7692 7.1.1.2.
        wanted = {"server_no_context_takeover"}
        if not ours.is_client:
            wanted.add("client_no_context_takeover")
        assert wanted <= agreed(ours).keys()
        assert theirs.compressed
        await everything(ours, theirs)


@with_peers("compression", "no context takeover")
async def test_they_want_no_context_takeover(link):
    async with connected(link, Wishes("no context takeover")) as (ours, theirs):
        wanted = {"server_no_context_takeover", "client_no_context_takeover"}
        assert wanted <= agreed(ours).keys()
        assert theirs.compressed
        await everything(ours, theirs)


@with_peers("compression")
async def test_we_want_small_windows(link):
    deflate = factory(link, server_max_window_bits=10, client_max_window_bits=10)
    async with connected(link, Wishes("deflate"), extensions=[deflate]) as (ours, theirs):
        assert agreed(ours)["server_max_window_bits"] == "10"
        assert theirs.compressed
        await everything(ours, theirs)
