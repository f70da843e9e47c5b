"""
The sans-I/O core: bytes in, messages out, and every rule of RFC 6455 on the way.

Owns the one switch between the two backends: all modules compiled or all modules pure, never a
mix, except that what stands on a C library is pure where that is missing. Must never know asyncio,
a socket, a clock or a thread, and neither must any module of it; but the compiled writer is given
a socket, to hand bytes over where the transport would do no more than that, and what blocks is
given a socket, a lock, and functions that wait; and the compiled reactor watches sockets.

Key decision: each module here has a compiled twin of the same name in websockets._core.compiled.
The compiled backend is taken when all twins are there and WEBSOCKETS_NO_EXTENSIONS is unset, empty
or 0. Where twins are missing that should be there, that is told, once. The rest of the library
imports the core's names from here only.
"""

from __future__ import annotations

import importlib
import os
import types
import warnings

MODULES = (
    "addresses",
    "application",
    "blocking",
    "calls",
    "clock",
    "closer",
    "closing",
    "compression",
    "constants",
    "conversation",
    "deflate",
    "draining",
    "endpoint",
    "events",
    "fields",
    "frames",
    "gathering",
    "heads",
    "inbox",
    "keys",
    "link",
    "listener",
    "locks",
    "mask",
    "messages",
    "outbox",
    "pack",
    "payloads",
    "reactor",
    "receiver",
    "records",
    "scout",
    "sealing",
    "sender",
    "steps",
    "stream",
    "tally",
    "tls",
    "unsent",
    "upgrading",
    "utf8",
    "values",
    "waiter",
    "writer",
)

# These stand on C libraries that may be missing, and no other module stands on them.
OPTIONAL = ("deflate",)


def load(backend: str) -> types.SimpleNamespace:
    """
    Import every module of one backend, "compiled" or "pure", and return them as attributes.

    Both can be loaded in one process. ImportError is raised when the compiled one wasn't built.
    """
    package = {"compiled": "websockets._core.compiled", "pure": "websockets._core"}[backend]
    modules = {}
    for name in MODULES:
        try:
            modules[name] = importlib.import_module(f"{package}.{name}")
        except ImportError:  # pragma: no cover (tested in a copy of the package)
            if name not in OPTIONAL:
                raise
            modules[name] = importlib.import_module(f"websockets._core.{name}")
    return types.SimpleNamespace(backend=backend, **modules)


def _choose() -> types.SimpleNamespace:
    if os.environ.get("WEBSOCKETS_NO_EXTENSIONS", "") not in ("", "0"):
        return load("pure")
    try:
        return load("compiled")
    except ImportError as error:  # pragma: no cover (tested in a copy of the package)
        from .._unbuilt import complaint

        wrong = complaint(os.path.dirname(__file__), error)
        if wrong:
            warnings.warn(
                f"websockets runs in pure Python, many times slower than it could: {wrong} "
                "(WEBSOCKETS_NO_EXTENSIONS=1 says that this is meant)",
                RuntimeWarning,
                stacklevel=1,
            )
        return load("pure")


_active = _choose()

backend: str = _active.backend

apply_mask = _active.mask.apply_mask
mask_in_place = _active.mask.mask_in_place
masking_key = _active.keys.masking_key
pack_frame = _active.pack.pack_frame
parse_close = _active.closing.parse_close
serialize_close = _active.closing.serialize_close
NO_KEY = _active.constants.NO_KEY
OP_CONT = _active.constants.OP_CONT
OP_TEXT = _active.constants.OP_TEXT
OP_BINARY = _active.constants.OP_BINARY
OP_CLOSE = _active.constants.OP_CLOSE
OP_PING = _active.constants.OP_PING
OP_PONG = _active.constants.OP_PONG
check_control = _active.frames.check_control
check_length = _active.frames.check_length
check_opcode = _active.frames.check_opcode
check_rsv = _active.frames.check_rsv
check_start = _active.frames.check_start
make_head = _active.fields.make_head
usual_head = _active.fields.usual_head
GUID = _active.upgrading.GUID
USUAL_CONNECTIONS = _active.upgrading.USUAL_CONNECTIONS
USUAL_UPGRADES = _active.upgrading.USUAL_UPGRADES
accept_key = _active.upgrading.accept_key
usual_key = _active.upgrading.usual_key
HeadReader = _active.heads.HeadReader
MessageHeadReader = _active.heads.MessageHeadReader
USUAL = _active.constants.USUAL
AS_BYTES = _active.constants.AS_BYTES
AS_TEXT = _active.constants.AS_TEXT
IN_FRAGMENTS = _active.constants.IN_FRAGMENTS
OPEN = _active.constants.OPEN
NOT_OPEN = _active.constants.NOT_OPEN
CLOSED = _active.constants.CLOSED
FULL = _active.constants.FULL
UNFINISHED = _active.constants.UNFINISHED
QUEUED = _active.constants.QUEUED
UNUSUAL = _active.constants.UNUSUAL
TALKING = _active.constants.TALKING
OWING = _active.constants.OWING
OVER = _active.constants.OVER
NOT_SENT = _active.constants.NOT_SENT
SENT_WAIT = _active.constants.SENT_WAIT
SENT = _active.constants.SENT
LOST = _active.constants.LOST
Endpoint = _active.endpoint.Endpoint
EventEndpoint = _active.events.EventEndpoint
FrameMaker = _active.values.FrameMaker
quicken = _active.values.quicken
Conversation = _active.conversation.Conversation
BlockingConversation = _active.conversation.BlockingConversation
Channel = _active.application.Channel
CLIENTS = _active.tally.CLIENTS
SERVERS = _active.tally.SERVERS
MessageStream = _active.stream.MessageStream
share_among = _active.stream.share_among
share_with = _active.stream.share_with
steps_of = _active.steps.steps_of
Mutex = _active.locks.Mutex
ThreadStream = _active.calls.ThreadStream
Receiver = _active.receiver.Receiver
Waiter = _active.waiter.Waiter
Writer = _active.writer.Writer
Records = _active.records.Records
TLSConnection = _active.tls.TLSConnection
PORTION = _active.tls.PORTION
Link = _active.link.Link
Listener = _active.listener.Listener
Reactor = _active.reactor.Reactor
REACTOR_AVAILABLE = _active.reactor.AVAILABLE
forget_frames = _active.closer.forget_frames
RSV1 = _active.constants.RSV1
Compression = _active.compression.Compression
Deflater = _active.deflate.Deflater
Inflater = _active.deflate.Inflater
find_functions = _active.deflate.find_functions
# For a module that is used as zlib is, on both backends: calls of Python's are all there is.
_module_streams = importlib.import_module("websockets._core.deflate")
ModuleDeflater = _module_streams.Deflater
ModuleInflater = _module_streams.Inflater
