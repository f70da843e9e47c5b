"""
The rules of redirects that connect() of today's API has and connect() of 8.1 hasn't.
"""

import pytest

from websockets._handshake.redirects import follow
from websockets.exceptions import InvalidURI


@pytest.mark.parametrize("location", ["http://localhost/there", "https://localhost/there"])
def test_http_is_no_scheme_of_a_websocket(location):
    with pytest.raises(InvalidURI):
        follow("ws://localhost/", location)
    assert follow("ws://localhost/", location, as_http=True).wsuri.host == "localhost"


@pytest.mark.parametrize("given", [["sock", "host"], ["sock", "unix"]])
def test_the_socket_comes_first(given):
    with pytest.raises(ValueError) as raised:
        follow("wss://localhost/", "ws://localhost/", given)
    assert str(raised.value) == (
        "cannot follow redirect to ws://localhost/ with a preexisting socket"
    )
