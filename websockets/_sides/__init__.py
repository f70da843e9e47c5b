"""
The two sides of 8.1's connections: what a server and what a client does until it is open.

Programs find both classes in ``websockets.server`` and ``websockets.client``, beside the functions
that make them.
"""
