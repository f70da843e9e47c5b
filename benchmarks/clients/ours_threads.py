"""This library, in threads."""

import calling_threads

from websockets.sync.client import connect
from websockets.version import distribution_version


def converse(url, message, in_flight, count):
    with connect(url, compression=None, proxy=None, max_size=None) as websocket:
        while True:
            for _ in range(in_flight):
                websocket.send(message)
            for _ in range(in_flight):
                websocket.recv()
                count()


calling_threads.run(converse, cywebsockets=distribution_version)
