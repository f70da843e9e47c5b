"""
Older names of the modules of this library, for programs that import them.

Owns no code: ``websockets.legacy.server`` is the very module ``websockets.server``, and so on. Must
never have a name of its own. Key decision: each module here puts the one that it stands for in its
own place among the imported modules, so that there is one object under two names, whatever a
program sets on it; the ``import *`` in it is for type checkers.
"""

from . import auth, client, exceptions, framing, handshake, http, protocol, server

__all__ = ["auth", "client", "exceptions", "framing", "handshake", "http", "protocol", "server"]
