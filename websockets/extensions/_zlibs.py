"""
Which library compresses: zlib, or one with its interface that a program has chosen.

Owns the choice of the process. Must never know frames, parameters or what was negotiated. Key
decision: a module is tried out when it is chosen, so that whatever is wrong with it is told then.
How it is used is the core's matter: in C where it can be, else as any module.
"""

from __future__ import annotations

import zlib
from functools import partial
from types import ModuleType
from typing import Any, Callable

from .. import _core
from .._engine.limits import refuse

__all__ = ["Backend", "chosen", "set_zlib_backend"]

NEEDED = (
    "compressobj",
    "decompressobj",
    "error",
    "Z_DEFAULT_COMPRESSION",
    "Z_SYNC_FLUSH",
)


class Backend:
    """
    A library, and the streams that use it.

    Arguments:
        module: a module with the interface of :mod:`zlib`.

    Attributes:
        module: the module.
        deflater, inflater: what makes streams of the core.
        in_c: whether these call it in C.
    """

    def __init__(self, module: Any) -> None:
        self.module = module
        deflater, inflater = _core.Deflater, _core.Inflater
        library = None
        if module is not zlib:
            library = _core.find_functions(module)
            if library is None:
                deflater, inflater = _core.ModuleDeflater, _core.ModuleInflater
                library = module
        self.in_c: bool = "compiled" in deflater.__module__
        self.deflater: Callable[..., Any] = partial(deflater, library=library)
        self.inflater: Callable[..., Any] = partial(inflater, library=library)

    def try_out(self) -> None:
        """Raise an exception unless messages come back as they were, and rubbish is refused."""
        deflater = self.deflater(15, True, self.module.Z_DEFAULT_COMPRESSION)
        inflater = self.inflater(15, True)
        message = b"Is this zlib?" * 100
        for piece, final in ((message, False), (message, True), (b"", True), (message, True)):
            if inflater.decompress(deflater.compress(piece, final), len(message), final) != piece:
                raise ValueError("messages come back as others")
        try:
            inflater.decompress(b"\xff")
        except zlib.error:
            return
        raise ValueError("what isn't DEFLATE isn't refused with its exception 'error'")


_chosen = Backend(zlib)


def chosen() -> Backend:
    """Return what compresses the messages of the connections that are made next."""
    return _chosen


def set_zlib_backend(module: ModuleType) -> None:
    """
    Choose the library that compresses messages, for all of this process.

    Servers, clients, factories and connections that are there already keep what they have.

    Arguments:
        module: ``zlib_ng.zlib_ng`` of the package ``zlib-ng``, ``isal.isal_zlib`` of the package
            ``isal``, or another module with the interface of :mod:`zlib`; that itself for the
            standard one.

    Raises:
        TypeError: if the module lacks something of that interface.
        ValueError: if it doesn't work as zlib does.
    """
    global _chosen
    missing = [name for name in NEEDED if not hasattr(module, name)]
    if missing:
        raise TypeError(
            f"module must have the interface of zlib; {module!r} has no {', '.join(missing)}"
        )
    if not (isinstance(module.error, type) and issubclass(module.error, Exception)):
        refuse(TypeError, "module.error", "a class of exceptions", module.error)
    backend = Backend(module)
    try:
        backend.try_out()
    except Exception as exc:
        raise ValueError(f"module doesn't work as zlib does: {module!r}: {exc}") from exc
    _chosen = backend
