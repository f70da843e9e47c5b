"""URIs as 8.1's named tuple and with today's attributes."""

import copy
import pickle

import pytest

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

pytestmark = pytest.mark.one_backend

BUILT = [
    WebSocketURI(True, "here", 443, "/a?b=c", ("me", "secret")),
    WebSocketURI(True, "here", 443, resource_name="/a?b=c", user_info=("me", "secret")),
    WebSocketURI(True, "here", 443, "/a", "b=c", "me", "secret"),
    WebSocketURI(True, "here", 443, "/a", query="b=c", username="me", password="secret"),
    WebSocketURI(
        secure=True,
        host="here",
        port=443,
        path="/a",
        query="b=c",
        username="me",
        password="secret",
    ),
    parse_uri("wss://me:secret@HERE/a?b=c"),
]


@pytest.mark.parametrize("uri", BUILT, ids=range(len(BUILT)))
def test_both_forms_are_equal(uri):
    assert uri == BUILT[0]
    assert hash(uri) == hash(BUILT[0])
    assert (uri.path, uri.query, uri.username, uri.password) == ("/a", "b=c", "me", "secret")
    assert (uri.resource_name, uri.user_info) == ("/a?b=c", ("me", "secret"))
    secure, host, port, resource_name, user_info = uri
    assert (secure, host, port) == (uri.secure, uri.host, uri.port) == (True, "here", 443)
    assert (resource_name, user_info) == (uri[3], uri[4]) == ("/a?b=c", ("me", "secret"))
    assert type(uri) is WebSocketURI


@pytest.mark.parametrize("uri", BUILT, ids=range(len(BUILT)))
def test_copies(uri):
    copies = [copy.copy(uri), copy.deepcopy(uri), pickle.loads(pickle.dumps(uri)), uri._replace()]
    for clone in copies:
        assert clone == uri
        assert type(clone) is WebSocketURI
    assert uri._replace(resource_name="/z").path == "/z"
    assert uri._replace(user_info=None).username is None


@pytest.mark.parametrize(
    "args, resource_name",
    [
        (("/", ""), "/"),
        (("", ""), "/"),
        (("/a", ""), "/a"),
        (("", "b"), "/?b"),
        (("/a", "b?c"), "/a?b?c"),
    ],
)
def test_path_and_query(args, resource_name):
    uri = WebSocketURI(False, "here", 80, *args)
    assert uri.resource_name == resource_name
    assert (uri.path, uri.query) == (args[0] or "/", args[1])
    assert (uri.user_info, uri.username, uri.password) == (None, None, None)
    assert uri == WebSocketURI(False, "here", 80, resource_name)


def test_differences():
    assert BUILT[0] != BUILT[0]._replace(port=80)
    assert BUILT[2] != WebSocketURI(True, "here", 443, "/a", "b=c")


def test_an_ip_address():
    assert parse_uri("ws://[::1]:8000") == WebSocketURI(False, "::1", 8000, "/", "")


@pytest.mark.parametrize(
    "uri, msg",
    [
        ("http://here/", "scheme isn't ws or wss; did you mean ws://here/?"),
        ("ftp://here/", "scheme isn't ws or wss"),
        ("//here/", "scheme isn't ws or wss"),
        ("ws://", "hostname isn't provided"),
        ("ws:///a", "hostname isn't provided"),
        ("ws://:80/", "hostname isn't provided"),
        ("ws://me:secret@/", "hostname isn't provided"),
        ("ws:here", "hostname isn't provided"),
        ("ws:/here", "hostname isn't provided"),
        ("wss://?a", "hostname isn't provided"),
        ("ws://here/#a", "fragment identifier is meaningless"),
        ("ws://me@here/", "username provided without password"),
    ],
)
def test_what_is_wrong(uri, msg):
    with pytest.raises(InvalidURI) as raised:
        parse_uri(uri)
    assert (raised.value.uri, raised.value.msg) == (uri, msg)
    assert str(raised.value) == f"{uri} isn't a valid URI: {msg}"
