"""
What the library counts, from one moment on.
"""

from websockets.metrics import METRICS


def now():
    return {
        (metric.name, *labels): value
        for metric in METRICS
        for labels, value in metric.read().items()
    }


class Growth:
    """What numbers have grown by since this was made, or since :meth:`again`."""

    def __init__(self):
        self.again()

    def again(self):
        self.before = now()

    def of(self, *prefix):
        """Return what begins with these words and has changed, by the words that follow."""
        changes = {
            key[len(prefix) :]: value - self.before.get(key, 0)
            for key, value in now().items()
            if key[: len(prefix)] == prefix
        }
        return {" ".join(key): change for key, change in changes.items() if change}
