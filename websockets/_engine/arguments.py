"""
Arguments of connections, servers and clients: what each may be.

Owns one rule for each argument, by its name. Must never know what an argument does. Key decision:
rules are asked when an object is built, so that a mistake is told once, where it was made, and not
by every connection. What serve() gives to all its connections it has looked through; a connection
only makes sure of the kind, in a time that doesn't depend on how long a list is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from ..datastructures import Headers
from ..headers import build_subprotocol, check_header
from .limits import (
    limit_of_fragments,
    limits_of_queue,
    limits_of_size,
    limits_of_writing,
    refuse,
    seconds,
    size,
)

__all__ = [
    "CLIENT",
    "CONNECT",
    "CONNECTION",
    "SERVE",
    "SERVER",
    "TODAYS_CONNECT",
    "TODAYS_SERVE",
    "Rules",
    "check_arguments",
    "set_unless_usual",
    "unexpected",
]

Rule = Callable[[str, Any], object]
"""A check of one argument, which takes its name and its value; None is right for all of them."""

Rules = dict[str, Rule]

# Arguments that are kept under other names.
ARGUMENTS = {
    "_ws_max_frame": "max_size",
    "_ws_max_size": "max_size",
    "_ws_process_request": "process_request",
    "_ws_select_subprotocol": "select_subprotocol",
    "available_extensions": "extensions",
    "available_subprotocols": "subprotocols",
}

# What programs of 8.1 or of other libraries call what has another name here, or is done otherwise.
MEANT = {
    "create_protocol": ["create_connection"],
    "extra_headers": ["additional_headers", "process_response"],
    "headers": ["additional_headers", "process_response"],
    "klass": ["create_connection"],
    "ssl_context": ["ssl"],
    "ws_handler": ["handler"],
}

TEXTS = (str, bytes, bytearray, memoryview)


def several(name: str, value: Any) -> None:
    """
    Check that a value is a collection that can be looked through again and again.

    Raises:
        TypeError: if it isn't; a text isn't one either, though Python would look for parts of it.
    """
    if type(value) is list:
        return
    if isinstance(value, (*TEXTS, Iterator)) or not hasattr(value, "__iter__"):
        refuse(TypeError, name, "None or a list", value)


def origins(name: str, value: Any) -> None:
    """Check a list of origins; a program may have a collection that only tells what is in it."""
    if isinstance(value, (*TEXTS, Iterator)) or not hasattr(value, "__contains__"):
        several(name, value)


def items(wanted: str, is_one: Callable[[Any], bool], kind: Rule = several) -> Rule:
    """Make the rule of a list whose items are of a certain kind."""

    def rule(name: str, value: Any) -> None:
        kind(name, value)
        for item in value if hasattr(value, "__iter__") else ():
            if not is_one(item):
                refuse(TypeError, name, f"None or a list of {wanted}", value)

    return rule


def is_text(value: Any) -> bool:
    """Tell whether a value is a str."""
    return isinstance(value, str)


def is_origin(value: Any) -> bool:
    """Tell whether a value can be in a list of origins."""
    if value is None or isinstance(value, str):
        return True
    # Whatever a regular expression is compiled to; one of bytes can't match an origin.
    return hasattr(value, "fullmatch") and not isinstance(getattr(value, "pattern", ""), bytes)


def factory_with(*methods: str) -> Callable[[Any], bool]:
    """Make a function that tells whether a value is a factory of extensions with such methods."""

    def is_factory(value: Any) -> bool:
        if not all(callable(getattr(value, method, None)) for method in methods):
            return False
        # A class may be meant, but by then its methods need no instance.
        return hasattr(value, "name") and not (
            isinstance(value, type)
            and any(inspect.isfunction(inspect.getattr_static(value, method)) for method in methods)
        )

    return is_factory


texts = items("str", is_text)


def subprotocols(name: str, value: Any) -> None:
    """Check a list of subprotocols (RFC 6455 4.1: they are tokens)."""
    texts(name, value)
    try:
        build_subprotocol(value)
    except ValueError:
        refuse(ValueError, name, "None or a list of tokens", value)


# Other kinds


def function(name: str, value: Any) -> None:
    """Check that a value can be called."""
    if not callable(value):
        refuse(TypeError, name, "None or a function", value)


def handler(name: str, value: Any) -> None:
    """Check that a value can be called."""
    if not callable(value):
        refuse(TypeError, name, "a coroutine function", value)


def header_value(name: str, value: Any) -> None:
    """Check that a value is a str that can stand in a header (RFC 9110 5.5)."""
    if not isinstance(value, str):
        refuse(TypeError, name, "None or a str", value)
    try:
        check_header(name, value)
    except ValueError:
        refuse(ValueError, name, "None or a str without a control character", value)


def headers(name: str, value: Any) -> None:
    """Check that a value makes headers; what is in them is checked when they leave."""
    # What can be looked through only once can't be looked at now.
    if isinstance(value, Iterator):
        return
    wanted = "None, Headers, a mapping, or pairs (name, value), all of str"
    if isinstance(value, TEXTS) or not hasattr(value, "__iter__"):
        refuse(TypeError, name, wanted, value)
    if isinstance(value, Headers):
        fields: Any = value.raw_items()
    else:
        fields = value.items() if isinstance(value, Mapping) else value
    for field in fields:
        if not (isinstance(field, (tuple, list)) and len(field) == 2 and all(map(is_text, field))):
            refuse(TypeError, name, wanted, value)


def headers_or_function(name: str, value: Any) -> None:
    """Check that a value makes headers, now or when it is called."""
    if not callable(value):
        headers(name, value)


def proxy(name: str, value: Any) -> None:
    """Check that a value tells of a proxy; its URI is checked when it is used."""
    if value is not True and not isinstance(value, str):
        refuse(TypeError, name, "None, True or a str", value)


def logger(name: str, value: Any) -> None:
    """Check that a value is a logger."""
    try:
        logs = callable(getattr(value, "error", None))
    except Exception:
        logs = True  # It answers in its own way; what it does wrong is seen when it is used.
    if not logs:
        refuse(TypeError, name, "None or a logger", value)


def anything(name: str, value: Any) -> None:
    """Leave a value to whoever uses it."""


# The arguments of connections

CONNECTION: Rules = {
    "ping_interval": seconds,
    "ping_timeout": seconds,
    "close_timeout": seconds,
    "timeout": seconds,
    "max_size": lambda name, value: limits_of_size(value, name),
    "max_queue": lambda name, value: limits_of_queue(value, name),
    "max_fragments": lambda name, value: limit_of_fragments(value, name),
    "read_limit": size,
    "write_limit": lambda name, value: limits_of_writing(value, name),
    "loop": anything,
    "legacy_recv": anything,
    "gather_writes": anything,
    "logger": logger,
}

SERVER: Rules = {
    **CONNECTION,
    "ws_handler": handler,
    "origins": origins,
    "extensions": several,
    "subprotocols": several,
    "extra_headers": headers_or_function,
    "process_request": function,
    "select_subprotocol": function,
    "allowed_hosts": several,
    "open_timeout": seconds,
    "server_header": header_value,
}

CLIENT: Rules = {
    **CONNECTION,
    "origin": header_value,
    "extensions": several,
    "subprotocols": several,
    "extra_headers": headers,
    "user_agent_header": header_value,
}

# The arguments of serve() and connect()

STARTING: Rules = {
    "host": anything,
    "port": anything,
    "create_protocol": function,
    "klass": function,
    "compression": anything,
    "open_timeout": seconds,
    "reactor": anything,
    "subprotocols": subprotocols,
}

SERVE: Rules = {
    **SERVER,
    **STARTING,
    "origins": items("str, compiled patterns and None", is_origin, origins),
    "extensions": items("factories for servers", factory_with("process_request_params")),
    "allowed_hosts": texts,
}

CONNECT: Rules = {
    **CLIENT,
    **STARTING,
    "uri": anything,
    "additional_headers": headers,
    "proxy": proxy,
    "unix": anything,
    "path": anything,
    "process_exception": function,
    "reconnect_delays": function,
    "extensions": items(
        "factories for clients", factory_with("get_request_params", "process_response_params")
    ),
}

# Those of today's API that mean the same.

TODAYS: Rules = {
    **{
        name: CONNECTION[name]
        for name in (
            "ping_interval",
            "ping_timeout",
            "close_timeout",
            "max_size",
            "max_queue",
            "write_limit",
            "logger",
        )
    },
    "open_timeout": seconds,
    "compression": anything,
    "subprotocols": anything,  # validate_subprotocols() tells what is wrong
    "create_connection": function,
    "path": anything,
    "reactor": anything,
}

TODAYS_CONNECT: Rules = {
    **TODAYS,
    **{
        name: CONNECT[name]
        for name in ("uri", "origin", "extensions", "process_exception", "reconnect_delays")
    },
    "additional_headers": headers,
    "user_agent_header": header_value,
    "proxy": proxy,
    "unix": anything,
}

TODAYS_SERVE: Rules = {
    **TODAYS,
    **{name: SERVE[name] for name in ("origins", "extensions", "server_header")},
    "handler": handler,
    "host": anything,
    "port": anything,
    "select_subprotocol": function,
    "process_request": function,
    "process_response": function,
}


def check_arguments(rules: Rules, arguments: Mapping[str, Any]) -> None:
    """
    Check arguments by their names; those without a rule are left to others.

    Raises:
        TypeError, ValueError: if a value can't be what it is meant to be.
    """
    for name, value in arguments.items():
        # All can be None, and most are.
        if value is not None and name in rules:
            rules[name](name, value)


def unexpected(function: str, name: str, known: Iterable[str]) -> NoReturn:
    """
    Refuse an argument that a function doesn't have, and tell which one may be meant.

    Arguments:
        function: name of the function.
        name: name of the argument.
        known: names of those that it has.
    """
    import difflib  # which takes its time, and is hardly ever needed

    known = sorted(known)
    meant = [other for other in MEANT.get(name, ()) if other in known]
    similar = meant or difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {similar[0]!r}?" if similar else ""
    raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def set_unless_usual(target: Any, rules: Rules, **settings: Any) -> None:
    """Set attributes but for those that have their values already, from the class."""
    for name, value in settings.items():
        if value != getattr(target, name):
            # What has its usual value needs no check, and neither has None.
            if value is not None:
                argument = ARGUMENTS.get(name, name)
                rules[argument](argument, value)
            setattr(target, name, value)
