"""
The rules of the opening handshake (RFC 6455 section 4), as functions without I/O.

All faces share them: what is a valid request or response, and how a bad one is answered.
"""
