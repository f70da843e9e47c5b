"""Today's API on asyncio: :mod:`.client`, :mod:`.server`, :mod:`.router`, :mod:`.connection`."""
