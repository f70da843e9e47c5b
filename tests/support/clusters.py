"""
A Redis Cluster of three nodes that a test starts.

Owns the programs, and how the nodes come to know each other. Must never know what is kept there.
"""

import asyncio
import contextlib
import socket

from programs import free_port
from redises import Redis

SLOTS = 16384


def free_ports(count):
    """Return ports that nobody listens on, nor 10 000 above, where nodes talk to each other."""
    found = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            port = free_port()
            with contextlib.suppress(OSError):
                for each in port, port + 10_000:
                    held.enter_context(socket.socket()).bind(("127.0.0.1", each))
                found.append(port)
    return found


class Node(Redis):
    """A server of a cluster."""

    def __init__(self, directory, port):
        super().__init__(directory)
        self.port = port
        self.options.update(
            {
                "cluster-enabled": "yes",
                "cluster-node-timeout": 3000,
                "cluster-require-full-coverage": "no",
                "enable-debug-command": "local",
            }
        )


class Cluster:
    """
    Nodes that share all slots.

    Attributes:
        nodes: the servers.
        ids: what they call each other.
    """

    def __init__(self, directory, count=3):
        ports = free_ports(count)
        for port in ports:
            (directory / str(port)).mkdir()
        self.nodes = [Node(directory / str(port), port) for port in ports]
        self.ids = []

    @property
    def url(self):
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    async def start(self):
        for node in self.nodes:
            await node.start()
        first, *rest = self.nodes
        size = -(-SLOTS // len(self.nodes))
        for index, node in enumerate(self.nodes):
            slots = range(index * size, min((index + 1) * size, SLOTS))
            await node.command("CLUSTER", "ADDSLOTS", *slots)
            self.ids.append((await node.command("CLUSTER", "MYID")).decode())
        for node in rest:
            await node.command("CLUSTER", "MEET", "127.0.0.1", first.port)
        await self.settled()

    async def settled(self):
        """Wait until all nodes know of each other, and agree about the slots."""
        for node in self.nodes:
            while True:
                info = (await node.command("CLUSTER", "INFO")).decode()
                facts = dict(line.split(":") for line in info.split())
                if facts["cluster_slots_assigned"] == str(SLOTS) and facts["cluster_state"] == "ok":
                    break
                await asyncio.sleep(0.05)

    async def kill(self):
        for node in self.nodes:
            await node.kill()

    def node_of(self, slot):
        """Return the node that has a slot."""
        return self.nodes[slot * len(self.nodes) // SLOTS]

    async def move(self, slot, source):
        """Move a slot, with what is in it, to another node."""
        target = self.nodes[self.nodes.index(source) - 1]
        ids = dict(zip(self.nodes, self.ids))
        await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        keys = await source.command("CLUSTER", "GETKEYSINSLOT", slot, 100)
        where = "127.0.0.1", target.port
        await source.command("MIGRATE", *where, "", 0, 5000, "KEYS", *keys)
        for node in (target, source):
            await node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


@contextlib.asynccontextmanager
async def redis_cluster(directory):
    """A cluster that runs, for the time being."""
    cluster = Cluster(directory)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.kill()
