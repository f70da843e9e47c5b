"""
A Redis server that the tests of topics share, unless they break it.
"""

import pytest
from redises import running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    pytest.importorskip("redis.asyncio")
    with running(tmp_path_factory.mktemp("redis")) as url:
        yield url
