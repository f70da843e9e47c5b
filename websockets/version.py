"""
The version of the distribution, and nothing else.

The build reads this file without importing the package, so it holds one assignment of one literal.
"""

from __future__ import annotations

__all__ = ["version"]

version = "0.1.0"
