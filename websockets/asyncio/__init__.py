"""Today's API on asyncio: see :mod:`.client`, :mod:`.server`, :mod:`.router` and :mod:`.connection`."""
