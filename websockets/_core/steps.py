"""
Steps of a task that are taken without it: the pure twin of ext/steps.pyx, which takes none.

Owns nothing. Key decision: what such a step spares is the conversation of a task with what it waits
for, and that is compiled; in Python it would take longer.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

__all__ = ["steps_of"]


def steps_of(coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    """
    Return what a task should be made of, so that it goes on fast each time that it waits.

    Arguments:
        coroutine: what the task is to run.
    """
    return coroutine
