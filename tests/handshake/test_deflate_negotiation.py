"""
Compression with permessage-deflate: what is offered, answered and refused (RFC 7692 7.1).
"""

import itertools

import pytest
from drawing import TEXT

from websockets.exceptions import (
    DuplicateParameter,
    InvalidParameterName,
    InvalidParameterValue,
    NegotiationError,
)
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
    enable_client_permessage_deflate,
    enable_server_permessage_deflate,
)
from websockets.framing import Frame

SERVER_NO, CLIENT_NO = "server_no_context_takeover", "client_no_context_takeover"
SERVER_BITS, CLIENT_BITS = "server_max_window_bits", "client_max_window_bits"


def settled(extension):
    """Return what was negotiated: takeovers and windows, of the peer first."""
    return (
        extension.remote_no_context_takeover,
        extension.local_no_context_takeover,
        extension.remote_max_window_bits,
        extension.local_max_window_bits,
    )


# Offers (RFC 7692 7.1)


@pytest.mark.parametrize(
    "arguments, params",
    [
        ({}, []),
        ({SERVER_NO: True}, [(SERVER_NO, None)]),
        ({CLIENT_NO: True}, [(CLIENT_NO, None)]),
        ({SERVER_BITS: 8}, [(SERVER_BITS, "8")]),
        ({SERVER_BITS: 15}, [(SERVER_BITS, "15")]),
        ({CLIENT_BITS: True}, [(CLIENT_BITS, None)]),
        ({CLIENT_BITS: 9}, [(CLIENT_BITS, "9")]),
        (
            {SERVER_NO: True, CLIENT_NO: True, SERVER_BITS: 10, CLIENT_BITS: 11},
            [(SERVER_NO, None), (CLIENT_NO, None), (SERVER_BITS, "10"), (CLIENT_BITS, "11")],
        ),
    ],
)
def test_offers(arguments, params):
    factory = ClientPerMessageDeflateFactory(**arguments)
    assert factory.name == "permessage-deflate"
    assert factory.get_request_params() == params
    for name in [SERVER_NO, CLIENT_NO, SERVER_BITS, CLIENT_BITS]:
        assert getattr(factory, name) == arguments.get(name, False if "no" in name[:10] else None)


NO_BITS = [0, 7, 16, -9, 9.0, "9", b"9"]


@pytest.mark.parametrize(
    "kind, name, values",
    [
        (ClientPerMessageDeflateFactory, SERVER_BITS, [*NO_BITS, True, False]),
        (ClientPerMessageDeflateFactory, CLIENT_BITS, [*NO_BITS, 8, False]),
        (ServerPerMessageDeflateFactory, SERVER_BITS, [*NO_BITS, 8, True, False]),
        (ServerPerMessageDeflateFactory, CLIENT_BITS, [*NO_BITS, True, False]),
    ],
)
def test_windows_that_a_factory_refuses(kind, name, values):
    for value in values:
        with pytest.raises(ValueError) as raised:
            kind(**{name: value})
        assert name in str(raised.value)


@pytest.mark.parametrize("kind", [ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory])
def test_compress_settings(kind):
    assert kind(compress_settings={"level": 1, "memLevel": 4}).compress_settings == {
        "level": 1,
        "memLevel": 4,
    }
    assert kind().compress_settings == {}
    with pytest.raises(ValueError):
        kind(compress_settings={"wbits": -12})
    with pytest.raises((ValueError, TypeError)):
        kind(compress_settings={"levle": 1})
    with pytest.raises(ValueError):
        kind(compress_settings={"memLevel": 99})


@pytest.mark.parametrize("kind", [ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory])
def test_a_dictionary_is_refused(kind):
    # The peer can't have it: RFC 7692 has no way to agree on one.
    with pytest.raises(ValueError):
        kind(compress_settings={"zdict": b"Hello"})


def test_min_size_is_handed_on():
    server = ServerPerMessageDeflateFactory(min_size=10)
    client = ClientPerMessageDeflateFactory(min_size=20)
    assert (server.min_size, client.min_size) == (10, 20)
    assert server.process_request_params([], [])[1].min_size == 10
    assert client.process_response_params([], []).min_size == 20
    assert ServerPerMessageDeflateFactory().process_request_params([], [])[1].min_size == 0


# Answers to offers


def accept(params, accepted=(), **arguments):
    return ServerPerMessageDeflateFactory(**arguments).process_request_params(params, accepted)


@pytest.mark.parametrize(
    "arguments, params, answer, expected",
    [
        # What is asked for is done.
        ({}, [], [], (False, False, 15, 15)),
        ({}, [(SERVER_NO, None)], [(SERVER_NO, None)], (False, True, 15, 15)),
        ({}, [(CLIENT_NO, None)], [(CLIENT_NO, None)], (True, False, 15, 15)),
        ({}, [(SERVER_BITS, "10")], [(SERVER_BITS, "10")], (False, False, 15, 10)),
        ({}, [(CLIENT_BITS, "10")], [(CLIENT_BITS, "10")], (False, False, 10, 15)),
        ({}, [(CLIENT_BITS, None)], [], (False, False, 15, 15)),
        # What is configured is asked for.
        ({SERVER_NO: True}, [], [(SERVER_NO, None)], (False, True, 15, 15)),
        ({CLIENT_NO: True}, [], [(CLIENT_NO, None)], (True, False, 15, 15)),
        ({SERVER_BITS: 9}, [], [(SERVER_BITS, "9")], (False, False, 15, 9)),
        ({CLIENT_BITS: 9}, [(CLIENT_BITS, None)], [(CLIENT_BITS, "9")], (False, False, 9, 15)),
        # Both at once: the same or the smaller.
        ({SERVER_NO: True}, [(SERVER_NO, None)], [(SERVER_NO, None)], (False, True, 15, 15)),
        ({SERVER_BITS: 12}, [(SERVER_BITS, "10")], [(SERVER_BITS, "10")], (False, False, 15, 10)),
        ({SERVER_BITS: 10}, [(SERVER_BITS, "12")], [(SERVER_BITS, "10")], (False, False, 15, 10)),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "10")], [(CLIENT_BITS, "10")], (False, False, 10, 15)),
        ({CLIENT_BITS: 10}, [(CLIENT_BITS, "12")], [(CLIENT_BITS, "10")], (False, False, 10, 15)),
        # We decompress what was made for a window that we can't compress with.
        ({}, [(CLIENT_BITS, "8")], [(CLIENT_BITS, "8")], (False, False, 8, 15)),
        ({CLIENT_BITS: 8}, [(CLIENT_BITS, None)], [(CLIENT_BITS, "8")], (False, False, 8, 15)),
        # Without being asked for, a limit goes to clients that know it.
        ({CLIENT_BITS: 10}, [], [], (False, False, 15, 15)),
        (
            {CLIENT_BITS: 10, "require_client_max_window_bits": True},
            [(CLIENT_BITS, None)],
            [(CLIENT_BITS, "10")],
            (False, False, 10, 15),
        ),
        # All of it, in any order.
        (
            {SERVER_BITS: 14},
            [(CLIENT_BITS, "11"), (SERVER_BITS, "15"), (CLIENT_NO, None), (SERVER_NO, None)],
            [(SERVER_NO, None), (CLIENT_NO, None), (SERVER_BITS, "14"), (CLIENT_BITS, "11")],
            (True, True, 11, 14),
        ),
    ],
)
def test_offers_that_are_accepted(arguments, params, answer, expected):
    found, extension = accept(params, **arguments)
    assert found == answer
    assert extension.name == "permessage-deflate"
    assert settled(extension) == expected


def test_an_answer_is_its_own():
    # Answers are remembered; what somebody does with one must not show in the next.
    factory = ServerPerMessageDeflateFactory()
    for _ in range(2):
        answer, extension = factory.process_request_params([(SERVER_BITS, "10")], [])
        assert answer == [(SERVER_BITS, "10")]
        answer.clear()
    assert extension is not factory.process_request_params([(SERVER_BITS, "10")], [])[1]
    # Nor does what was decided with other settings count.
    factory.server_max_window_bits = 9
    assert factory.process_request_params([(SERVER_BITS, "10")], [])[0] == [(SERVER_BITS, "9")]


@pytest.mark.parametrize(
    "arguments, params",
    [
        # zlib doesn't compress with 8.
        ({}, [(SERVER_BITS, "8")]),
        # The client doesn't say that it can be limited.
        ({CLIENT_BITS: 10, "require_client_max_window_bits": True}, []),
        ({CLIENT_BITS: 10, "require_client_max_window_bits": True}, [(SERVER_BITS, "10")]),
    ],
)
def test_offers_that_are_declined(arguments, params):
    with pytest.raises(NegotiationError):
        accept(params, **arguments)


# Values of a parameter, in an offer and in an answer. None is a parameter without a value.
WINDOWS = [str(number) for number in range(8, 16)]
NO_WINDOWS = [
    *[
        "0",
        "1",
        "7",
        "16",
        "99",
        "08",
        "010",
        "+9",
        "-9",
        "9.0",
        " 9",
        "9 ",
        "1_0",
        "0x9",
        "\u0669",
    ],
    *["", "x"],
]


@pytest.mark.parametrize("name", [SERVER_NO, CLIENT_NO])
@pytest.mark.parametrize("value", ["", "1", "true", "15"])
def test_values_on_parameters_without_a_value(name, value):
    for process in [accept, accept_answer]:
        with pytest.raises(InvalidParameterValue) as raised:
            process([(name, value)])
        assert (raised.value.name, raised.value.value) == (name, value)


@pytest.mark.parametrize("name", [SERVER_BITS, CLIENT_BITS])
@pytest.mark.parametrize("value", NO_WINDOWS)
def test_values_that_are_no_window(name, value):
    for process in [accept, accept_answer]:
        with pytest.raises(InvalidParameterValue) as raised:
            process([(name, value)])
        assert (raised.value.name, raised.value.value) == (name, value)


def test_values_that_are_missing():
    for process, name in [
        (accept, SERVER_BITS),
        (accept_answer, SERVER_BITS),
        (accept_answer, CLIENT_BITS),
    ]:
        with pytest.raises(InvalidParameterValue) as raised:
            process([(name, None)])
        assert (raised.value.name, raised.value.value) == (name, None)


@pytest.mark.parametrize(
    "name", ["unknown", "", "server_no_context_takeove", "Server_max_window_bits"]
)
def test_unknown_parameters(name):
    for process in [accept, accept_answer]:
        for value in [None, "10"]:
            with pytest.raises(InvalidParameterName) as raised:
                process([(name, value)])
            assert raised.value.name == name


@pytest.mark.parametrize("name", [SERVER_NO, CLIENT_NO, SERVER_BITS, CLIENT_BITS])
def test_parameters_twice(name):
    value = None if "context" in name else "10"
    for process in [accept, accept_answer]:
        for params in [[(name, value)] * 2, [(name, value), (SERVER_NO, None), (name, value)]]:
            with pytest.raises(DuplicateParameter):
                process(params)


@pytest.mark.parametrize("value", WINDOWS)
def test_every_window(value):
    answer, extension = accept([(CLIENT_BITS, value)])
    assert answer == [(CLIENT_BITS, value)]
    assert extension.remote_max_window_bits == int(value)
    assert accept_answer([(SERVER_BITS, value)]).remote_max_window_bits == int(value)
    if value != "8":
        assert accept([(SERVER_BITS, value)])[1].local_max_window_bits == int(value)
        assert accept_answer([(CLIENT_BITS, value)]).local_max_window_bits == int(value)


def test_not_twice():
    extension = PerMessageDeflate(False, False, 15, 15)
    for process in [accept, accept_answer]:
        with pytest.raises(NegotiationError):
            process([], [extension])


# Answers of servers


def accept_answer(params, accepted=(), **arguments):
    arguments.setdefault(CLIENT_BITS, True)
    return ClientPerMessageDeflateFactory(**arguments).process_response_params(params, accepted)


@pytest.mark.parametrize(
    "arguments, params, expected",
    [
        ({}, [], (False, False, 15, 15)),
        # A server may limit itself, and us where we said so.
        ({}, [(SERVER_NO, None)], (True, False, 15, 15)),
        ({}, [(CLIENT_NO, None)], (False, True, 15, 15)),
        ({}, [(SERVER_BITS, "8")], (False, False, 8, 15)),
        ({}, [(CLIENT_BITS, "9")], (False, False, 15, 9)),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "12")], (False, False, 15, 12)),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "10")], (False, False, 15, 10)),
        # We do what we offered, even when the server doesn't ask for it.
        ({CLIENT_NO: True}, [], (False, True, 15, 15)),
        ({CLIENT_NO: True}, [(CLIENT_NO, None)], (False, True, 15, 15)),
        ({CLIENT_BITS: 12}, [], (False, False, 15, 12)),
        # It agrees to what we ask for, or to more.
        ({SERVER_NO: True}, [(SERVER_NO, None)], (True, False, 15, 15)),
        ({SERVER_BITS: 12}, [(SERVER_BITS, "12")], (False, False, 12, 15)),
        ({SERVER_BITS: 12}, [(SERVER_BITS, "9")], (False, False, 9, 15)),
        (
            {SERVER_NO: True, CLIENT_NO: True, SERVER_BITS: 10, CLIENT_BITS: 11},
            [(CLIENT_BITS, "9"), (SERVER_BITS, "10"), (CLIENT_NO, None), (SERVER_NO, None)],
            (True, True, 10, 9),
        ),
    ],
)
def test_answers_that_are_accepted(arguments, params, expected):
    assert settled(accept_answer(params, **arguments)) == expected


@pytest.mark.parametrize(
    "arguments, params, error",
    [
        ({SERVER_NO: True}, [], NegotiationError),
        ({SERVER_NO: True}, [(CLIENT_NO, None)], NegotiationError),
        ({SERVER_BITS: 12}, [], NegotiationError),
        ({SERVER_BITS: 12}, [(SERVER_BITS, "13")], InvalidParameterValue),
        ({CLIENT_BITS: None}, [(CLIENT_BITS, "10")], InvalidParameterName),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "13")], InvalidParameterValue),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "15")], InvalidParameterValue),
        # zlib doesn't compress with 8.
        ({}, [(CLIENT_BITS, "8")], NegotiationError),
        ({CLIENT_BITS: 12}, [(CLIENT_BITS, "8")], NegotiationError),
    ],
)
def test_answers_that_are_refused(arguments, params, error):
    with pytest.raises(NegotiationError) as raised:
        accept_answer(params, **arguments)
    assert type(raised.value) is error


TAKEOVER = [False, True]


@pytest.mark.parametrize("client_bits", [None, True, 9, 15])
@pytest.mark.parametrize("server_limit", [None, 8, 9, 15])
def test_what_we_offer_and_what_we_answer_fits(client_bits, server_limit):
    for client_no, server_no, server_bits in itertools.product(TAKEOVER, TAKEOVER, [None, 9, 15]):
        client = ClientPerMessageDeflateFactory(server_no, client_no, server_bits, client_bits)
        server = ServerPerMessageDeflateFactory(client_max_window_bits=server_limit)
        try:
            answer, there = server.process_request_params(client.get_request_params(), [])
            here = client.process_response_params(answer, [])
        except NegotiationError:
            # The limit can't be told to the client, or the client can't keep to it.
            assert server_limit is not None
            assert client_bits is None or server_limit == 8
            continue
        assert settled(here) == (*settled(there)[1::-1], *settled(there)[:1:-1])
        message = Frame(True, TEXT, b"Hello " * 10_000)
        assert there.decode(here.encode(message)) == message
        assert here.decode(there.encode(message)) == message


def test_defaults():
    [client] = enable_client_permessage_deflate(None)
    [server] = enable_server_permessage_deflate(None)
    assert client.get_request_params() == [(CLIENT_BITS, None)]
    assert settled(server.process_request_params([(CLIENT_BITS, None)], [])[1])[:2] == (
        False,
        False,
    )
    # What a program has chosen isn't touched.
    for enable, chosen in [
        (enable_client_permessage_deflate, ClientPerMessageDeflateFactory()),
        (enable_server_permessage_deflate, ServerPerMessageDeflateFactory()),
    ]:
        assert list(enable([chosen])) == [chosen]
        other = type("Other", (), {"name": "other"})()
        before = [other]
        enabled = enable(before)
        assert [factory.name for factory in enabled] == ["other", "permessage-deflate"]
        assert before == [other]


def test_repr():
    text = repr(PerMessageDeflate(True, False, 8, 15))
    assert text == (
        "PerMessageDeflate(remote_no_context_takeover=True, local_no_context_takeover=False, "
        "remote_max_window_bits=8, local_max_window_bits=15)"
    )
