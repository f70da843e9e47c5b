"""
The grammar of HTTP's header fields, as patterns to build others from (RFC 9110 section 5).

Owns what may stand in a name and in a value. Must never know which fields there are. Key decision:
text, so that readers of bytes and readers of strings can take the same.
"""

from __future__ import annotations

__all__ = ["CONTENT", "TOKEN"]

# RFC 9110 5.6.2: token.
TOKEN = r"[-!#$%&'*+.^_`|~0-9a-zA-Z]+"
# RFC 9110 5.5: field content with obs-text, and the blanks around it.
CONTENT = r"[^\x00-\x08\x0a-\x1f\x7f]*"
