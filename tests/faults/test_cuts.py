"""
TCP connections that are cut, at every byte of a conversation, in every way, on either side of it.

No deadline is waited for: whoever waits must be released by the cut itself.
"""

import pytest
from dialogue import MESSAGES, at_every, conversing, ends
from drawing import CLOSE
from proxy import Way, half_close, hang_up, reset

CUTS = [hang_up, reset, half_close]

# A conversation over TLS takes more bytes, and more time, than all its cuts would be worth.
STRIDE = 17


def messages_in(found, count):
    """Return how many messages are complete in the first bytes."""
    return sum(
        end <= count and first is not None and first & 128 and not first & 8 for end, first in found
    )


@pytest.mark.parametrize("closer", ["client", "server"])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_at_any_byte_releases_both_ends(closer, direction, cut, caplog):
    async with conversing() as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have(f"/{closer}/full", **clean) == (1000, MESSAGES)
        data = bytes(clean[direction].passed)
        found = ends(data)
        assert messages_in(found, len(data)) == len(MESSAGES)
        assert found[-1][1] == 0x80 | CLOSE
        head, last = found[0][0], found[-2][0]

        async def check(position):
            path = f"/{closer}/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, cut)})
            await talk.settled()
            server_code = talk.echo.codes.get(path)
            server_received = talk.echo.received.get(path)
            # Who has the whole close frame, which the one that is cut answers, knows all is well.
            informed = {1000} if position > last else {1006}
            if cut is half_close and position == last:
                informed = {1000, 1006}  # The end of TCP and the end of the conversation cross.
            there = {None} if position < head else {1006}
            if direction == "up":
                here = {None} if position < head else informed if closer == "server" else {1006}
                if position == head:
                    # The client's end of TCP and the server's response cross.
                    here, there = {None, 1006}, {None, 1006}
                complete = server_received
            else:
                here, there = there, informed if closer == "client" else {1006}
                complete = received
            assert code in here and server_code in there
            if cut is not reset and complete is not None:
                assert len(complete) == messages_in(found, position)
            assert received == MESSAGES[: len(received)]
            assert (server_received or []) == MESSAGES[: len(server_received or [])]

        # Only the end of the conversation depends on who closes.
        await at_every(range(0 if closer == "client" else last - 1, len(data)), check)
    assert not caplog.records


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
async def test_a_conversation_that_arrives_byte_by_byte(tls, certificates):
    async with conversing(certificates if tls else None) as talk:
        for closer in ("client", "server"):
            ways = Way(bytewise=True), Way(bytewise=True)
            assert await talk.have(f"/{closer}/bytes", *ways) == (1000, MESSAGES)
            assert talk.echo.received[f"/{closer}/bytes"] == MESSAGES


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("cut", CUTS)
async def test_tls_that_is_cut_is_never_taken_for_a_clean_end(direction, cut, certificates, caplog):
    async with conversing(certificates) as talk:
        clean = {"up": Way(), "down": Way()}
        assert await talk.have("/client/full", **clean) == (1000, MESSAGES)

        async def check(position):
            path = f"/client/{position:04}"
            code, received = await talk.have(path, **{direction: Way(position, cut)})
            await talk.settled()
            assert received == MESSAGES[: len(received)]
            assert code == 1006 or (code is None and not received) or received == MESSAGES
            server_code, received = talk.echo.codes.get(path), talk.echo.received.get(path, [])
            assert received == MESSAGES[: len(received)]
            assert server_code in (None, 1006) or (server_code == 1000 and received == MESSAGES)

        await at_every(range(0, len(clean[direction].passed), STRIDE), check)
    assert not caplog.records
