"""
What carries bytes: the event loop's transports, and ours above them.

Its modules know nothing of frames or of what the bytes mean.
"""
