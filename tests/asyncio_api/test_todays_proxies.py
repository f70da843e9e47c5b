"""
Clients of today's API behind proxies: arguments that there are on asyncio only.
"""

import pytest
from peer import port_of
from programs import free_port
from proxies import HTTPProxy, SOCKSProxy
from todays import hold

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


@pytest.mark.parametrize("kind, scheme", [(HTTPProxy, "http"), (SOCKSProxy, "socks5h")])
async def test_local_addr_is_for_the_connection_to_the_proxy(kind, scheme):
    if kind is SOCKSProxy:
        pytest.importorskip("python_socks")
    async with serve(hold, "127.0.0.1", 0) as server:
        async with kind(port_of(server)) as proxy:
            address = "127.0.0.1", free_port()
            uri = f"{scheme}://127.0.0.1:{proxy.port}"
            async with connect("ws://example.test/", proxy=uri, local_addr=address) as ws:
                assert ws.local_address == address


async def test_tls_with_a_proxy_can_not_be_left_out():
    with pytest.raises(ValueError) as raised:
        await connect("ws://example.test/", proxy="https://localhost:1", proxy_ssl=None)
    assert str(raised.value) == "proxy_ssl=None is incompatible with an https:// proxy"
