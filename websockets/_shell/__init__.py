"""
Parts of the asyncio shell, each with one idea, that ``websockets.protocol`` puts together.

They take the event loop and the transport as arguments, and never import asyncio.
"""
