"""
Connections for threads: the driver between the core and blocking sockets.

Owns waiting by threads, and the one thread that sees to connections while nobody waits. Must never
know asyncio, nor the names that programs call a connection by.
"""
