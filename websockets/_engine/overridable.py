"""
Properties that give way, and arguments that are given by name.

Key decision: programs have subclassed the protocols for years, with attributes of their own; where
a name of ours is newer than theirs, theirs must win, on the class and on the instance.
"""

from __future__ import annotations

import inspect
from typing import Any, Callable, Generic, TypeVar, overload

__all__ = ["by_name", "made_once", "overridable"]

Method = TypeVar("Method", bound=Callable[..., Any])
T = TypeVar("T")


class overridable(Generic[T]):
    """Make a method a property that an attribute of an instance may replace."""

    def __init__(self, method: Callable[[Any], T]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: Any = None) -> overridable[T]: ...

    @overload
    def __get__(self, instance: object, owner: Any = None) -> T: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._method(instance)


class made_once(overridable[T]):
    """The same, of which the value is kept, so that the method is called once at most."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        value = self._method(instance)
        setattr(instance, self._name, value)
        return value


def by_name(*names: str) -> Callable[[Method], Method]:
    """
    Document that arguments of a method are given by name.

    A ``*`` in front of them would cost each call a twentieth of a microsecond.
    """

    def document(method: Method) -> Method:
        signature = inspect.signature(method)
        parameters = [
            parameter.replace(kind=parameter.KEYWORD_ONLY) if name in names else parameter
            for name, parameter in signature.parameters.items()
        ]
        method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return method

    return document
