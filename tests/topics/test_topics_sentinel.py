"""
Topics on a server that Sentinels watch: when it dies, its replica takes over, and topics go on.
"""

import asyncio
import contextlib

from programs import free_port, line_with, need, started
from redises import Redis, redis_server

from websockets.topics import Topics

WATCHED = """
port {port}
dir {directory}
sentinel monitor main 127.0.0.1 {watched} 1
sentinel down-after-milliseconds main 300
sentinel failover-timeout main 3000
"""


@contextlib.asynccontextmanager
async def replica_of(server, directory):
    directory.mkdir()
    replica = Redis(directory)
    replica.options["replicaof"] = f"127.0.0.1 {server.port}"
    await server.command("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    await replica.start()
    try:
        while (await replica.command("INFO", "replication"))["master_link_status"] != "up":
            await asyncio.sleep(0.02)
        yield replica
    finally:
        await replica.kill()


async def replicate(server):
    """Wait until the replica has all that was written up to now."""
    from redis.asyncio import Redis as Client

    async with Client(port=server.port, single_connection_client=True) as client:
        # WAIT is about what its own connection has written, and what was written before that.
        await client.incr("written")
        assert await client.wait(1, 10_000) == 1


@contextlib.asynccontextmanager
async def sentinel_of(server, directory):
    port = free_port()
    path = directory / "sentinel.conf"
    path.write_text(WATCHED.format(port=port, directory=directory, watched=server.port))
    async with started(need("redis-server"), path, "--sentinel") as process:
        await line_with(process.stdout, "+monitor")
        await line_with(process.stdout, "+slave")  # It knows who could take over.
        yield port


async def test_a_replica_that_takes_over_has_what_was_published(tmp_path):
    from redis.asyncio.sentinel import Sentinel

    (tmp_path / "server").mkdir()
    async with redis_server(tmp_path / "server") as server:
        async with replica_of(server, tmp_path / "replica"):
            async with sentinel_of(server, tmp_path) as port:
                sentinel = Sentinel([("127.0.0.1", port)], socket_timeout=1.0)
                client = sentinel.master_for("main", socket_timeout=1.0)
                async with Topics(client, patience=60.0, timeout=1.0) as topics:
                    async with topics.listen("news") as listener:
                        position = await topics.publish("news", "before")
                        await replicate(server)
                        await server.kill()
                        await topics.publish("news", "after")
                        heard = [(await listener.__anext__()).data for _ in range(2)]
                        assert heard == ["before", "after"]
                    async with topics.listen("news", since=position) as late:
                        assert (await late.__anext__()).data == "after"
                await client.aclose()
                for one in sentinel.sentinels:
                    await one.aclose()
