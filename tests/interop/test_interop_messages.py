"""Messages and pings to and from implementations that others wrote."""

import pytest
from peers.conversations import CONVERSATIONS, IN_THEIR_FRAGMENTS, everything
from peers.end import Wishes
from peers.links import connected, with_peers


def about(conversations):
    return pytest.mark.parametrize("conversation", conversations, ids=lambda item: item.__name__)


@about(CONVERSATIONS)
@with_peers()
async def test_conversation(link, conversation):
    async with connected(link) as (ours, theirs):
        await conversation(ours, theirs)


@about(IN_THEIR_FRAGMENTS)
@with_peers("fragments")
async def test_conversation_in_their_fragments(link, conversation):
    async with connected(link) as (ours, theirs):
        await conversation(ours, theirs)


@with_peers()
async def test_all_over_tls(link, certificates):
    async with connected(link, Wishes(certificates=certificates)) as (ours, theirs):
        assert ours.transport.get_extra_info("cipher")
        await everything(ours, theirs)
