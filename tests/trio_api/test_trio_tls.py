"""
Connections on trio over TLS: senders that wait.
"""

from on_trio import Started, both_ends, on_trio, turns


@on_trio
async def test_a_peer_that_does_not_read_makes_senders_wait(certificates):
    sent = 0

    async def send(connection):
        nonlocal sent
        while True:
            await connection.send(bytes(100_000))
            sent += 1

    options = {"compression": None, "max_queue": 1}
    secure = {**options, "ssl": certificates.server_context()}
    options["ssl"] = certificates.client_context()
    async with both_ends(secure, **options) as (server, client):
        sending = Started(send(client))
        await turns()
        assert sent
        sending.cancel()
        await sending
        # The one that was cancelled is whole.
        for _ in range(sent + 1):
            assert await server.recv() == bytes(100_000)
        await client.send("behind it")
        assert await server.recv() == "behind it"
