"""
Connections without I/O: bytes in, events and bytes out, for programs that bring their own.

A face of the core: :class:`Protocol` and its two sides have the names, arguments and exceptions of
today's API, the handshake's rules are those of :mod:`websockets._handshake`, and everything behind
the handshake is the core's endpoint.
"""
