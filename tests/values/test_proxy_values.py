"""URIs of proxies, which one the system wants, and the request for a tunnel."""

import pytest

from websockets.exceptions import InvalidHeaderValue, InvalidProxy
from websockets.http11 import USER_AGENT
from websockets.proxy import Proxy, get_proxy, parse_proxy, prepare_connect_request
from websockets.uri import WebSocketURI, parse_uri

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    "uri, parts",
    [
        ("http://p", ("http", "p", 80)),
        ("http://p:8080", ("http", "p", 8080)),
        ("https://p", ("https", "p", 443)),
        ("https://p:80", ("https", "p", 80)),
        ("socks5h://p", ("socks5h", "p", 80)),
        ("socks5://p:1080", ("socks5", "p", 1080)),
        ("socks4a://p", ("socks4a", "p", 80)),
        ("socks4://p", ("socks4", "p", 80)),
        ("HTTP://P/", ("http", "p", 80)),
        ("http://[::1]:8", ("http", "::1", 8)),
        ("http://é", ("http", "xn--9ca", 80)),
        ("http://p:0", ("http", "p", 80)),
        ("http://u:p@h", ("http", "h", 80, "u", "p")),
        ("http://u%20:p%3a@h:1", ("http", "h", 1, "u ", "p:")),
        ("http://:@h", ("http", "h", 80, "", "")),
    ],
)
def test_uris_of_proxies(uri, parts):
    proxy = parse_proxy(uri)
    assert proxy == Proxy(*parts)
    assert proxy.user_info == (parts[3:] or None)


@pytest.mark.parametrize(
    "uri, msg",
    [
        ("ftp://p", "scheme ftp isn't supported"),
        ("socks://p", "scheme socks isn't supported"),
        ("p:8080", "scheme p isn't supported"),
        ("p", "scheme  isn't supported"),
        ("//p", "scheme  isn't supported"),
        ("http://", "hostname isn't provided"),
        ("http:///", "hostname isn't provided"),
        ("http://u:p@", "hostname isn't provided"),
        ("http://p/a", "path is meaningless"),
        ("http://p?q", "query is meaningless"),
        ("http://p#f", "fragment is meaningless"),
        ("http://u@p", "username provided without password"),
    ],
)
def test_invalid_proxies(uri, msg):
    with pytest.raises(InvalidProxy) as raised:
        parse_proxy(uri)
    assert (raised.value.proxy, raised.value.msg) == (uri, msg)
    assert str(raised.value) == f"{uri} isn't a valid proxy: {msg}"


@pytest.mark.parametrize("uri", ["http://p:x", "http://p:65536", "http://%ff:p@h"])
def test_parts_that_cannot_be_read(uri):
    with pytest.raises(ValueError):
        parse_proxy(uri)


# What the system wants


@pytest.fixture
def configured(monkeypatch):
    """Return a function that sets the variables that tell of proxies, and no others."""

    def configure(**variables):
        for name in ("ws", "wss", "socks", "https", "http", "all", "no"):
            monkeypatch.delenv(f"{name}_proxy", raising=False)
            monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    return configure


SOME = {name: f"http://{name}:1" for name in ("ws", "wss", "socks", "https", "http", "all")}


@pytest.mark.parametrize(
    "names, ws, wss",
    [
        ("", None, None),
        ("ws", "http://ws:1", None),
        ("wss", None, "http://wss:1"),
        # Systems that have one setting for all kinds spell it in this way.
        ("socks", "socks5h://socks:1", "socks5h://socks:1"),
        ("https", "http://https:1", "http://https:1"),
        ("http", "http://http:1", None),
        ("all", None, None),
        ("ws wss socks https http", "http://ws:1", "http://wss:1"),
        ("socks https http", "socks5h://socks:1", "socks5h://socks:1"),
        ("https http", "http://https:1", "http://https:1"),
    ],
)
def test_which_variable_counts(names, ws, wss, configured):
    configured(**{f"{name}_proxy": SOME[name] for name in names.split()})
    assert get_proxy(parse_uri("ws://here/")) == ws
    assert get_proxy(parse_uri("wss://here/")) == wss


@pytest.mark.parametrize("value", ["socks5://p", "https://p", "p:1"])
def test_a_socks_proxy_that_is_named_keeps_its_scheme(value, configured):
    configured(socks_proxy=value)
    assert get_proxy(parse_uri("ws://here/")) == value


@pytest.mark.parametrize(
    "no_proxy, without",
    [
        ("here", {"ws://here/", "ws://here:8000/"}),
        ("here:8000", {"ws://here:8000/"}),
        ("example.com", {"ws://sub.example.com/"}),
        ("there, here", {"ws://here/", "ws://here:8000/"}),
        ("*", {"ws://here/", "ws://here:8000/", "ws://sub.example.com/"}),
        ("", set()),
    ],
)
def test_hosts_that_need_none(no_proxy, without, configured):
    configured(http_proxy="http://p", no_proxy=no_proxy)
    for uri in ("ws://here/", "ws://here:8000/", "ws://sub.example.com/"):
        assert get_proxy(parse_uri(uri)) == (None if uri in without else "http://p")


# The request for a tunnel


@pytest.mark.parametrize(
    "proxy, uri, target, host, more",
    [
        ("http://p", "ws://here/", "here:80", "here", ""),
        ("http://p", "wss://here/a?b", "here:443", "here", ""),
        ("http://p", "ws://here:8/", "here:8", "here:8", ""),
        ("http://p", "ws://[::1]/", "[::1]:80", "[::1]", ""),
        ("http://u:p@p", "ws://here/", "here:80", "here", "Proxy-Authorization: Basic dTpw\r\n"),
        # What is for the server isn't for the proxy.
        ("http://p", "ws://u:p@here/", "here:80", "here", ""),
    ],
)
def test_a_request_for_a_tunnel(proxy, uri, target, host, more):
    request = prepare_connect_request(parse_proxy(proxy), parse_uri(uri))
    head = f"CONNECT {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n"
    assert request.decode() == f"{head}{more}\r\n"


def test_the_user_agent_can_be_another():
    proxy, uri = parse_proxy("http://p"), parse_uri("ws://here/")
    head = b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n"
    assert prepare_connect_request(proxy, uri, None) == head + b"\r\n"
    other = prepare_connect_request(proxy, uri, user_agent_header="x")
    assert other == head + b"User-Agent: x\r\n\r\n"


def test_no_header_is_smuggled_in():
    uri = WebSocketURI(False, "here\r\nX: y", 80, "/")
    with pytest.raises(InvalidHeaderValue):
        prepare_connect_request(parse_proxy("http://p"), uri)
