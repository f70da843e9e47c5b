"""
Two versions: of the API that this library is compatible with, and of its distribution.

Owns both numbers and nothing else. Key decision: programs compare ``version``, some as a string, to
know which API they have, so it tells that; what ``pip`` shows has a name of its own. The build
reads this file without importing the package, so each is one assignment of a literal.
"""

from __future__ import annotations

__all__ = ["commit", "distribution_version", "released", "tag", "version"]

distribution_version = "0.1.0"

released = True
tag = version = commit = "17.4"
