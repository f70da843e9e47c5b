"""
Names of a module that are imported when they are asked for.

Owns nothing: it is for modules of other projects that have it from here. The library's own
modules see to that themselves.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any, Optional

__all__ = ["import_name", "lazy_import"]


def import_name(name: str, source: str, namespace: Mapping[str, Any]) -> Any:
    """
    Return what ``from source import name`` imports in a module.

    Arguments:
        name: name.
        source: module, which may be relative.
        namespace: globals of the module.
    """
    module = importlib.import_module(source, namespace["__package__"])
    return getattr(module, name)


def lazy_import(
    namespace: dict[str, Any],
    aliases: Optional[Mapping[str, str]] = None,
    deprecated_aliases: Optional[Mapping[str, str]] = None,
) -> None:
    """
    Give a module names that are imported each time they are asked for.

    Arguments:
        namespace: globals of the module.
        aliases: where each name comes from, as for :func:`import_name`.
        deprecated_aliases: the same, for names whose use emits a DeprecationWarning.

    Raises:
        AssertionError: if a name is given twice, or is there already.
    """
    aliases, deprecated_aliases = dict(aliases or {}), dict(deprecated_aliases or {})
    names = [*aliases, *deprecated_aliases]
    if len({*names, *namespace}) < len(names) + len(namespace):
        raise AssertionError("namespace conflict")
    module = namespace["__name__"]

    def __getattr__(name: str) -> Any:
        if name in aliases:
            return import_name(name, aliases[name], namespace)
        if name in deprecated_aliases:
            warnings.warn(f"{module}.{name} is deprecated", DeprecationWarning, stacklevel=2)
            return import_name(name, deprecated_aliases[name], namespace)
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*namespace, *names})

    namespace["__getattr__"], namespace["__dir__"] = __getattr__, __dir__
