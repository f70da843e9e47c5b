"""
The commands of ``python -m websockets``, a module each.
"""
