"""
What tests run on: the backends of the core, and the event loops.
"""

import asyncio
import importlib.util
import os

import pytest


def switched_on(variable):
    return os.environ.get(variable, "") not in ("", "0")


# A run that forbids the extensions is about the pure backend; the other run has compared the two.
BACKENDS = ["pure"] if switched_on("WEBSOCKETS_NO_EXTENSIONS") else ["compiled", "pure"]


def new_uvloop_loop():
    return pytest.importorskip("uvloop").new_event_loop()


# Where tests of what asyncio and trio have in common run.
HAS_TRIO = importlib.util.find_spec("trio") is not None

LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": new_uvloop_loop}
