"""
The engine behind the faces on asyncio: an opening handshake, a session, and what is left of it.

Its modules take the event loop and the transport as arguments, and never import asyncio.
"""
