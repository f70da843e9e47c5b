"""The opening handshake with implementations that others wrote."""

from peers.end import Wishes
from peers.links import PATH, connected, with_peers


def headers_from_them(ours):
    return ours.response_headers if ours.is_client else ours.request_headers


@with_peers()
async def test_nothing_special(link):
    async with connected(link) as (ours, theirs):
        assert ours.path == PATH
        assert ours.subprotocol is theirs.subprotocol is None


@with_peers()
async def test_subprotocol(link):
    wishes = Wishes(subprotocols=["b.example", "a.example"])
    ours_support = ["c.example", "a.example"]
    async with connected(link, wishes, subprotocols=ours_support) as (ours, theirs):
        assert ours.subprotocol == theirs.subprotocol == "a.example"


@with_peers("living without subprotocol")
async def test_no_subprotocol_in_common(link):
    wishes = Wishes(subprotocols=["b.example"])
    async with connected(link, wishes, subprotocols=["a.example"]) as (ours, theirs):
        assert ours.subprotocol is theirs.subprotocol is None


@with_peers()
async def test_headers(link):
    wishes = Wishes(headers={"X-From-Them": "their value"})
    async with connected(link, wishes, extra_headers={"X-From-Us": "our, value"}) as (ours, theirs):
        assert headers_from_them(ours)["X-From-Them"] == "their value"
        assert theirs.headers["x-from-us"] == "our, value"
