"""
Redis as one server, and as a cluster of them.

Owns how clients are made, and which node of a cluster has what. Must never know what is kept
there. Key decisions: a script goes to the node that has the topic, which its keys say, and each
node has a time limit of its own, so that one which doesn't answer fails alone. What is published at
a node reaches all of them: a process hears of everything by one connection to any.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any, Callable

from .._engine.connecting import within

__all__ = ["SILENCE", "Nodes", "connect", "pipelined"]

CLUSTER = "+cluster://"
# In RESP3 the library takes a fifth more time for a message that is heard: it makes a line for its
# log of each, whether anybody wants that or not.
PROTOCOL = 2

SILENCE = "Redis doesn't answer in time"

Address = tuple[str, int]


def connect(library: Any, url: str, timeout: float) -> Any:
    """
    Return a client, as the package ``redis`` reads its URL.

    Arguments:
        library: the package.
        url: of a server; or of any node of a cluster, ``redis+cluster://`` or ``rediss+cluster://``.
        timeout: seconds for each answer.
    """
    scheme, found, rest = url.partition(CLUSTER)
    if found:
        return library.asyncio.RedisCluster.from_url(f"{scheme}://{rest}", protocol=PROTOCOL)
    return library.asyncio.from_url(url, protocol=PROTOCOL, **options(library, timeout))


def options(library: Any, timeout: float) -> dict[str, Any]:
    """Return what all connections have in common."""
    # Who asks tries again itself: what the library sends twice would be there twice.
    retry = library.asyncio.retry.Retry(library.backoff.NoBackoff(), 0)
    return {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": retry}


async def pipelined(
    client: Any, script: str, digest: str, load: bool, calls: list[Any]
) -> list[Any]:
    """Run a script several times at one server; see :meth:`~.redislog.RedisLog.run`."""
    async with client.pipeline(transaction=False) as pipeline:
        if load:
            pipeline.script_load(script)
        for keys, arguments in calls:
            pipeline.evalsha(digest, len(keys), *keys, *arguments)
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
    return replies[load:]


class Nodes:
    """
    The nodes of a cluster.

    Arguments:
        library: the package ``redis``.
        cluster: a client of it, which knows some nodes and how to connect to them; it isn't used
            for anything else.
        timeout: seconds for each answer.
        is_passing: tells whether it is worth while to try again after an error.
    """

    def __init__(
        self, library: Any, cluster: Any, timeout: float, is_passing: Callable[[Any], bool]
    ) -> None:
        self._library = library
        self._timeout = timeout
        self._is_passing = is_passing
        nodes = list(cluster.nodes_manager.startup_nodes.values())
        self._connection_class = nodes[0].connection_class
        self._options = {**nodes[0].connection_kwargs, **options(library, timeout)}
        self._seeds: list[Address] = [(node.host, int(node.port)) for node in nodes]
        self._clients: dict[Address, Any] = {}
        self._loaded: set[tuple[Address, str]] = set()
        self._slots: list[tuple[int, int, Address]] = []  # first, last and who has them
        self._known: list[Address] = []  # all nodes, replicas as well
        self._finding: Any = None

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose(close_connection_pool=True)

    async def pubsub(self) -> Any:
        """Return what listens to channels, over a connection of its own to one of the nodes."""
        await self._find(not self._known)
        return self._client(random.choice(self._known)).pubsub()

    async def run(self, script: str, digest: str, load: bool, calls: list[Any]) -> list[Any]:
        """Run a script several times, at the nodes that have its keys."""
        await self._find(not self._slots)
        parts: dict[Address, list[int]] = {}
        for index, (keys, _) in enumerate(calls):
            parts.setdefault(self._who_has(keys[0]), []).append(index)
        replies: list[Any] = [None] * len(calls)

        async def at(address: Address, indices: list[int]) -> None:
            some = [calls[index] for index in indices]
            answers = await self._run_at(address, script, digest, load, some)
            for index, answer in zip(indices, answers):
                replies[index] = answer

        await asyncio.gather(*(at(address, indices) for address, indices in parts.items()))
        if any(isinstance(reply, Exception) and self._is_passing(reply) for reply in replies):
            # A node may have gone, and what it had may be another's now.
            self._slots = []
        return replies

    async def _run_at(
        self, address: Address, script: str, digest: str, load: bool, calls: list[Any]
    ) -> list[Any]:
        """Run a script at one node; where that fails, return the error for each time."""
        client = self._client(address)
        load = load or (address, digest) not in self._loaded
        try:
            replies: list[Any] = await within(
                self._timeout, lambda: pipelined(client, script, digest, load, calls), SILENCE
            )
        except Exception as exc:
            self._loaded.discard((address, digest))
            return [exc] * len(calls)
        self._loaded.add((address, digest))
        return replies

    def _client(self, address: Address) -> Any:
        client = self._clients.get(address)
        if client is None:
            host, port = address
            pool = self._library.asyncio.ConnectionPool(
                self._connection_class, **{**self._options, "host": host, "port": port}
            )
            client = self._clients[address] = self._library.asyncio.Redis(connection_pool=pool)
        return client

    # Who has what

    def _who_has(self, key: bytes) -> Address:
        slot = self._library.crc.key_slot(key)
        for first, last, address in self._slots:
            if first <= slot <= last:
                return address
        raise self._library.exceptions.SlotNotCoveredError(f"no node has slot {slot}")

    async def _find(self, needed: bool) -> None:
        """Ask the nodes who has what, if that isn't known; those who come meanwhile wait for it."""
        if not needed:
            return
        if self._finding is None:
            self._finding = asyncio.get_running_loop().create_task(self._ask())
            self._finding.add_done_callback(self._found)
        await asyncio.shield(self._finding)

    def _found(self, task: Any) -> None:
        self._finding = None
        if not task.cancelled():
            task.exception()

    async def _ask(self) -> None:
        nodes = list(dict.fromkeys([*self._known, *self._seeds]))
        random.shuffle(nodes)
        problem: Exception = ConnectionError("no node is known")
        for address in nodes:
            ask = partial(self._client(address).execute_command, "CLUSTER SLOTS")
            try:
                found = await within(self._timeout, ask, SILENCE)
            except Exception as exc:
                problem = exc
                continue
            slots = []
            known = []
            for first, last, *owners in found:
                addresses = [address_of(owner, address) for owner in owners]
                slots.append((first, last, addresses[0]))
                known += addresses
            self._slots = slots
            self._known = list(dict.fromkeys(known))
            return
        raise problem


def address_of(owner: Any, asked: Address) -> Address:
    """Return where a node is; an empty host stands for that of the node that was asked."""
    host, port = owner[0], owner[1]
    if isinstance(host, bytes):
        host = host.decode()
    return host or asked[0], int(port)
