"""Headers: a mapping that ignores case and keeps duplicates."""

import collections
import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websockets.datastructures import Headers, MultipleValuesError

pytestmark = pytest.mark.one_backend

PAIRS = [("Connection", "Upgrade"), ("Server", "house"), ("Set-Cookie", "a=1"), ("set-cookie", "b")]

# Few letters in both cases, so that names do collide.
names = st.text("aAbBcC", min_size=1, max_size=2)
pairs_of_headers = st.lists(st.tuples(names, st.text("xyz", max_size=2)))


@pytest.fixture
def headers():
    return Headers(PAIRS)


# Building.


@pytest.mark.parametrize(
    "built",
    [
        Headers([("Host", "here"), ("Accept", "all")]),
        Headers(pair for pair in [("Host", "here"), ("Accept", "all")]),
        Headers({"Host": "here", "Accept": "all"}),
        Headers(collections.ChainMap({"Host": "here", "Accept": "all"})),
        Headers(Host="here", Accept="all"),
        Headers({"Host": "here"}, Accept="all"),
        Headers(Headers(Host="here", Accept="all")),
    ],
)
def test_is_built_like_a_dict(built):
    assert sorted(built.raw_items()) == [("Accept", "all"), ("Host", "here")]


def test_is_empty_by_default():
    assert list(Headers().raw_items()) == []
    assert not Headers()


def test_any_name_can_be_a_keyword():
    assert Headers(self="me", headers="h", args="a").get_all("self") == ["me"]


def test_takes_at_most_one_positional_argument():
    with pytest.raises(TypeError):
        Headers({}, {})


def test_copying_headers_keeps_duplicates(headers):
    assert list(Headers(headers).raw_items()) == PAIRS


@pytest.mark.parametrize(
    "copied",
    [
        Headers.copy,
        copy.copy,
        copy.deepcopy,
        lambda headers: pickle.loads(pickle.dumps(headers)),
    ],
)
def test_copies_are_independent(headers, copied):
    duplicate = copied(headers)
    assert list(duplicate.raw_items()) == PAIRS
    duplicate["Server"] = "other"
    del duplicate["Connection"]
    assert list(headers.raw_items()) == PAIRS
    assert headers["Connection"] == "Upgrade"
    assert headers["Server"] == "house"


def test_copy_keeps_the_class():
    class Mine(Headers):
        pass

    assert type(Mine(a="b").copy()) is Mine


# Looking up.


@pytest.mark.parametrize("key", ["Server", "server", "SERVER"])
def test_case_of_names_does_not_count(headers, key):
    assert headers[key] == "house"
    assert headers.get(key) == "house"
    assert headers.get_all(key) == ["house"]
    assert key in headers


def test_missing_header(headers):
    with pytest.raises(KeyError):
        headers["Nope"]
    assert headers.get("Nope") is None
    assert headers.get_all("Nope") == []
    assert "Nope" not in headers


@pytest.mark.parametrize("stranger", [None, 1, b"Server"])
def test_what_is_not_a_string_is_not_in(headers, stranger):
    assert stranger not in headers


def test_several_values_are_not_one(headers):
    with pytest.raises(MultipleValuesError) as raised:
        headers["Set-Cookie"]
    assert str(raised.value) == "'Set-Cookie'"
    with pytest.raises(MultipleValuesError):
        headers.get("Set-Cookie", "default")
    assert headers.get_all("set-COOKIE") == ["a=1", "b"]


def test_any_value_is_kept():
    # Whether it can be sent is seen when it is sent.
    headers = Headers(A=None, B=["x", "y"])
    assert (headers["a"], headers["b"]) == (None, ["x", "y"])
    assert (headers.get_all("a"), headers.get_all("b")) == ([None], [["x", "y"]])


@pytest.mark.parametrize("name", ["Server", "Set-Cookie", "Nope"])
def test_get_all_gives_a_list_of_its_own(headers, name):
    before = headers.get_all(name)
    headers.get_all(name).append("other")
    assert headers.get_all(name) == before
    assert type(before) is list


def test_keys_are_lower_cased_and_listed_once(headers):
    assert list(headers) == ["connection", "server", "set-cookie"]
    assert list(headers.keys()) == ["connection", "server", "set-cookie"]
    assert len(headers) == 3


def test_behaves_like_a_dict_without_duplicates():
    headers = Headers(Host="here", Accept="all")
    assert dict(headers) == {"host": "here", "accept": "all"}
    assert list(headers.items()) == [("host", "here"), ("accept", "all")]
    assert list(headers.values()) == ["here", "all"]


# Changing.


def test_setting_adds_a_value(headers):
    headers["SERVER"] = "hut"
    assert headers.get_all("Server") == ["house", "hut"]
    assert list(headers.raw_items()) == [*PAIRS, ("SERVER", "hut")]


def test_setting_more_than_twice(headers):
    for value in ["hut", "shed", "hut"]:
        headers["server"] = value
    assert headers.get_all("Server") == ["house", "hut", "shed", "hut"]
    assert headers.copy() == headers


def test_deleting_removes_all_values(headers):
    del headers["SET-Cookie"]
    assert list(headers.raw_items()) == PAIRS[:2]
    assert "Set-Cookie" not in headers


def test_deleting_a_missing_header(headers):
    with pytest.raises(KeyError):
        del headers["Nope"]
    assert list(headers.raw_items()) == PAIRS


def test_clear(headers):
    headers.clear()
    assert list(headers.raw_items()) == []
    assert headers == Headers()


def test_update_adds_values(headers):
    headers.update(Headers([("Via", "1"), ("Via", "2")]), Server="hut")
    headers.update({"server": "shed"})
    headers.update([("X", "y")])
    assert headers.get_all("Via") == ["1", "2"]
    assert headers.get_all("Server") == ["house", "hut", "shed"]
    assert headers["x"] == "y"


def test_update_with_itself(headers):
    headers.update(headers)
    assert list(headers.raw_items()) == PAIRS + PAIRS


def test_setdefault(headers):
    assert headers.setdefault("SERVER", "hut") == "house"
    assert headers.setdefault("Via", "proxy") == "proxy"
    assert list(headers.raw_items()) == [*PAIRS, ("Via", "proxy")]


def test_pop(headers):
    assert headers.pop("SERVER") == "house"
    assert headers.pop("Server", None) is None
    assert list(headers.raw_items()) == [PAIRS[0], *PAIRS[2:]]


# Comparing.


def test_equality_ignores_case_and_order_of_names():
    assert Headers([("A", "1"), ("B", "2")]) == Headers([("b", "2"), ("a", "1")])


def test_equality_minds_the_order_of_values():
    assert Headers([("A", "1"), ("A", "2")]) != Headers([("A", "2"), ("A", "1")])
    assert Headers([("A", "1"), ("A", "2")]) != Headers([("A", "1")])


def test_equality_with_other_types():
    headers = Headers(Host="here")
    assert headers != {"host": "here"}
    assert headers != [("Host", "here")]
    assert headers != None  # noqa: E711


def test_has_no_attributes_of_its_own(headers):
    # One is made for each connection.
    with pytest.raises(AttributeError):
        headers.attribute = "value"


def test_usual_names_share_one_string():
    # Two of these are kept for each connection.
    one, other = (Headers([("".join(["Sec-WebSocket-", "Key"]), "")]) for _ in range(2))
    assert next(iter(one)) is next(iter(other))
    assert next(one.raw_items())[0] is next(other.raw_items())[0]


def test_is_not_hashable(headers):
    with pytest.raises(TypeError):
        hash(headers)


# Showing.


def test_str_is_the_form_of_the_wire(headers):
    assert str(headers) == (
        "Connection: Upgrade\r\nServer: house\r\nSet-Cookie: a=1\r\nset-cookie: b\r\n\r\n"
    )
    assert str(Headers()) == "\r\n"


def test_repr_builds_it_again(headers):
    assert list(eval(repr(headers)).raw_items()) == PAIRS


@pytest.mark.parametrize("args", [(), (None,), ("\udc80",), ("a", "b"), (b"x",)])
def test_multiple_values_error_can_always_be_shown(args):
    error = MultipleValuesError(*args)
    str(error).encode()
    repr(error).encode("ascii", "surrogatepass")
    assert not isinstance(error, KeyError)


# Against a simple model: the list of pairs.


@given(pairs_of_headers)
def test_answers_like_a_list_of_pairs(pairs):
    headers = Headers(pairs)
    assert list(headers.raw_items()) == pairs
    assert list(headers) == list(dict.fromkeys(name.lower() for name, _ in pairs))
    for name in headers:
        values = [value for other, value in pairs if other.lower() == name]
        assert headers.get_all(name.upper()) == values


@given(pairs_of_headers, names)
def test_deletes_like_a_list_of_pairs(pairs, name):
    headers = Headers(pairs)
    headers[name] = "at least one"
    del headers[name]
    left = [pair for pair in pairs if pair[0].lower() != name.lower()]
    assert list(headers.raw_items()) == left
    assert headers == Headers(left)
