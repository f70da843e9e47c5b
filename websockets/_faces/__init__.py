"""
What today's faces on asyncio, on trio and for threads have in common, and 8.1's with them.

Whatever is the same whoever waits, and more than names: the facts of a connection, how a server
comes to an answer and a client to a question, where a client goes.
"""
