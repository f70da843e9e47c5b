"""
The rules of the opening handshake (RFC 6455 section 4), as functions without I/O.

All faces share them: a face brings its own exceptions, defaults and order of steps, and gives what
differs as arguments. ``upgrade`` has the headers that turn HTTP into WebSocket, ``admission`` who
may connect, ``negotiation`` which extensions and which subprotocol are used, ``requests`` and
``responses`` what is sent, ``refusal`` which response a failure gets.
"""
