"""
Readers that are generators, and the bytes that they read, as they come.
"""

from websockets.streams import StreamReader

__all__ = ["SHORT", "read"]

SHORT = "it waits for more"


def read(reader, data, eof=False, step=None):
    """
    Have a reader read, and return what it returns and what it leaves.

    Arguments:
        reader: makes the generator; it is given a StreamReader.
        data: bytes.
        eof: whether the stream ends behind them.
        step: how many bytes come at once; None for all.
    """
    stream = StreamReader()
    reading = reader(stream)
    step = step or max(len(data), 1)
    came = 0
    try:
        while came < len(data):
            assert next(reading) is None
            stream.feed_data(data[came : came + step])
            came += step
        if eof:
            assert next(reading) is None
            stream.feed_eof()
        assert next(reading) is None
    except StopIteration as returned:
        return returned.value, bytes(stream.buffer) + data[came:]
    return SHORT, bytes(stream.buffer)
