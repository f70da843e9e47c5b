"""
Closing on trio, and what is told of how a connection ended.
"""

from on_trio import (
    Started,
    both_sides,
    on_trio,
    turns,
)


@both_sides
@on_trio
async def test_cancelling_who_waits_changes_nothing_and_who_closes_makes_haste(connection):
    async with connection() as (ws, peer):
        waiting = Started(ws.wait_closed())
        await turns()
        waiting.cancel()
        await turns()
        assert ws.state.name == "OPEN"
        closing = Started(ws.aclose())
        await turns()
        closing.cancel()
        await turns()
        # As of every resource of trio: it is closed all the same, but the peer isn't waited for.
        assert closing.cancelled() and ws.state.name == "CLOSED"
        assert await peer.read_close() == (1000, "")
        assert await peer.read_eof() == b""
        await ws.aclose()
        assert ws.close_code == 1006
