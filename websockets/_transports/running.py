"""
What runs at the moment in this thread: an event loop, and a task in it.

Owns the fastest ways to ask. Must never know who asks. Key decision: without a detour through
Python, since it is asked for whenever bytes arrive.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

__all__ = ["running_loop", "task_of"]

running_loop: Any = asyncio._get_running_loop

# current_task() is a Python function before 3.12, and the dict isn't there from 3.14 on.
task_of: Any = asyncio.current_task
if sys.version_info < (3, 12):
    task_of = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]
