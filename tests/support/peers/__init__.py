"""
Other people's WebSocket implementations, for the interoperability tests to talk to.

``end`` says what the tests need of a peer, one module for each peer brings it, ``links`` is the
table of them all, and ``conversations`` is the table of what is said, whoever the peer is.
"""
