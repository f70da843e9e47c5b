"""
What all tests share: both backends of the core, both event loops, and a certificate.

A test function that is a coroutine runs once on asyncio's own loop and once on uvloop's, unless it
is marked ``one_loop``, or ``given_clock``: then its loop is a virtual one, with a network in memory,
where no time passes while anything happens. One that is marked ``and_trio`` runs on trio as well,
where it is, with a clock of that kind if it is given one. It fails when it leaves a task behind,
when the loop was handed an exception that nobody expected, and when it takes longer than
``TIME_LIMIT``. There are no asynchronous fixtures: tests use ``async with``.
"""

import asyncio
import gc
import inspect
import os
import signal
import ssl
import sys

import pytest
import trustme
from hypothesis import settings
from variants import BACKENDS, HAS_TRIO, LOOPS, switched_on
from virtual import flowing_loop

from websockets import _core

TIME_LIMIT = 60  # seconds, for a coroutine
VIRTUAL_LIMIT = 1e6  # seconds, which take none
BUSY_LIMIT = 180  # seconds, for every test; only reached by one that doesn't come to rest

settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tests")


def pytest_configure(config):
    # For benchmarks/. It comes last: a library that is installed is tested, not the tree's.
    sys.path.append(str(config.rootpath))
    # A shell has what it runs in the background ignore Ctrl-C, and so would the programs of tests.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    return f"websockets: the {_core.backend} backend is active"


def load(backend):
    try:
        return _core.load(backend)
    except ImportError as error:
        if switched_on("WEBSOCKETS_REQUIRE_EXTENSIONS"):
            raise
        pytest.skip(f"the compiled backend isn't built ({error})")


def pytest_collection_modifyitems(items):
    for item in items:
        if {"core", "compiled_core"} & set(item.fixturenames):
            item.add_marker("one_backend")


# Tests ask the garbage collector what is left: it need not look for that at ten thousand tests, nor
# at what pytest keeps of those that have run.


def pytest_collection_finish():
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="session", params=BACKENDS)
def core(request):
    """All modules of the core, in one backend and then in the other."""
    return load(request.param)


@pytest.fixture(scope="session")
def compiled_core():
    """All modules of the core, compiled: for what only that backend can get wrong."""
    return load("compiled")


class Certificates:
    """A certificate for localhost and the authority that signed it."""

    def __init__(self):
        self.authority = trustme.CA()
        self.certificate = self.authority.issue_cert("localhost", "127.0.0.1", "::1")

    def server_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.certificate.configure_cert(context)
        return context

    def client_context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        return context


@pytest.fixture(scope="session")
def certificates():
    return Certificates()


def pytest_generate_tests(metafunc):
    if inspect.iscoroutinefunction(metafunc.function):
        metafunc.fixturenames.append("event_loop")
        marked = metafunc.definition.get_closest_marker
        virtual, one = marked("given_clock"), marked("one_loop")
        loops = ["virtual"] if virtual else ["asyncio"] if one else list(LOOPS)
        if marked("and_trio") and HAS_TRIO:
            loops.append("trio")
        metafunc.parametrize("event_loop", loops)


def too_busy(signal_number, frame):
    raise TimeoutError("the test never came to rest")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call():
    """Interrupt a test that is busy for ever, which no timeout of an event loop can."""
    if not hasattr(signal, "SIGALRM"):
        return (yield)
    signal.signal(signal.SIGALRM, too_busy)
    signal.alarm(BUSY_LIMIT)
    try:
        return (yield)
    finally:
        signal.alarm(0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    name = pyfuncitem.callspec.params["event_loop"]
    if name == "trio":
        from both import run_on_trio  # It loads trio, which other tests do without.

        virtual = pyfuncitem.get_closest_marker("given_clock") is not None
        run_on_trio(pyfuncitem.obj, arguments, autojump=virtual)
    elif name == "virtual":
        run(flowing_loop(), pyfuncitem.obj(**arguments), VIRTUAL_LIMIT)
    else:
        run(LOOPS[name](), pyfuncitem.obj(**arguments), TIME_LIMIT)
    return True


def run(loop, coroutine, limit):
    unexpected = []

    def handle(loop, context):
        # In its debug mode, asyncio reports TLS handshakes that fail, though nobody's program did.
        if not (loop.get_debug() and "transport creation" in context["message"]):
            unexpected.append(context)

    loop.set_exception_handler(handle)
    try:
        loop.run_until_complete(asyncio.wait_for(coroutine, limit))
        # A task that is about to return, or was cancelled, needs a turn to be gone.
        loop.run_until_complete(asyncio.sleep(0))
        leftover = [repr(task) for task in asyncio.all_tasks(loop)]
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=5))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    assert not leftover, "the test left tasks behind"
    assert not unexpected, "the event loop was handed exceptions"
