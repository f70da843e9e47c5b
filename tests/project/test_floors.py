"""
What imports what: floors, circles, and who may know the outside world; see docs/design.md.
"""

import pytest
from package import MODULES, imports

from websockets._borrowed import HOMES

pytestmark = pytest.mark.one_backend

# Imports go down, or stay on their floor; see docs/design.md.
FLOORS = {
    "websockets": 9,
    "websockets.__main__": 9,
    "websockets.cli": 8,
    "websockets._terminal": 8,
    "websockets.asgi": 7,
    "websockets.auth": 8,
    "websockets.legacy": 8,
    "websockets.metrics": 8,
    "websockets.topics": 8,
    "websockets.client": 7,
    "websockets.connection": 7,
    "websockets.server": 7,
    "websockets._sides": 7,
    "websockets.asyncio.client": 7,
    "websockets.asyncio.server": 7,
    "websockets.asyncio.router": 8,
    "websockets.asyncio": 6,
    "websockets.trio.client": 7,
    "websockets.trio.server": 7,
    "websockets.trio.router": 8,
    "websockets.trio": 6,
    "websockets.sync.client": 7,
    "websockets.sync.server": 7,
    "websockets.sync.router": 8,
    "websockets.sync": 6,
    "websockets.protocol": 6,
    "websockets._sansio": 6,
    "websockets._faces": 6,
    "websockets._registry": 6,
    "websockets._starting": 6,
    "websockets._engine": 5,
    "websockets._engine.connecting": 6,
    "websockets._engine.reaching": 6,
    "websockets._engine.reconnecting": 6,
    "websockets._engine.tunnels": 6,
    "websockets._handshake": 5,
    "websockets._threads": 5,
    "websockets._transports": 5,
    "websockets._transports.reactors": 6,
    "websockets._transports.running": 6,
    "websockets._transports.secure": 6,
    "websockets.extensions": 5,
    "websockets.handshake": 5,
    "websockets.utils": 5,
    "websockets.speedups": 5,
    "websockets.frames": 4,
    "websockets.framing": 4,
    "websockets.http": 4,
    "websockets.proxy": 4,
    "websockets._core": 3,
    "websockets.headers": 3,
    "websockets.uri": 3,
    "websockets._states": 1,
    "websockets._unbuilt": 1,
    "websockets.exceptions": 2,
    "websockets.http11": 2,
    "websockets._keywords": 6,
    "websockets._borrowed": 1,
    "websockets._closes": 1,
    "websockets._environment": 1,
    "websockets._errors": 1,
    "websockets._grammar": 1,
    "websockets._replaced": 1,
    "websockets.datastructures": 1,
    "websockets.streams": 1,
    "websockets.typing": 1,
    "websockets.imports": 1,
    "websockets.version": 1,
}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_has_a_floor(name):
    assert name in FLOORS or name.rpartition(".")[0] in set(FLOORS) - {"websockets"}


def floor(name):
    while name not in FLOORS:
        name, dot, _ = name.rpartition(".")
        assert dot, f"no floor is given for {name}"
    return FLOORS[name]


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_go_down(name):
    above = {
        imported
        for imported in imports(name)
        if imported in MODULES and floor(imported) > floor(name)
    }
    assert not above


@pytest.mark.parametrize("name", HOMES)
def test_names_are_borrowed_from_below(name):
    homes = [f"websockets.{home}" for home in HOMES[name].split()]
    assert set(homes) <= set(MODULES)
    assert all(floor(home) <= floor(f"websockets.{name}") for home in homes)


def test_there_is_no_circle_of_imports():
    # Take away the modules that import nothing which is left, until there are none.
    left = {name: imports(name) & set(MODULES) - {name} for name in MODULES}
    while left:
        bottom = {name for name, imported in left.items() if not imported & set(left)}
        assert bottom, f"these import each other: {sorted(left)}"
        for name in bottom:
            del left[name]


OUTSIDE_WORLD = {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}


@pytest.mark.parametrize("name", [name for name in MODULES if floor(name) <= 3])
def test_the_core_and_what_it_stands_on_are_sans_io(name):
    assert not {imported.partition(".")[0] for imported in imports(name)} & OUTSIDE_WORLD


@pytest.mark.parametrize("name", [name for name in MODULES if floor(name) < 6])
def test_asyncio_begins_with_the_protocol(name):
    assert "asyncio" not in {imported.partition(".")[0] for imported in imports(name)}


def test_nothing_imports_cython():
    assert not {name for name in MODULES if "cython" in {n.lower() for n in imports(name)}}
