"""
The same two programs as in ``testee.py``, in threads; here messages have no limit of frames either.
"""

import contextlib
import json
import os
import sys
import threading
import time

os.environ["WEBSOCKETS_MAX_FRAGMENTS"] = str(2**30)  # it is read at import

from testee import OPTIONS, PATIENCE  # noqa: E402

import websockets  # noqa: E402
from websockets.sync import client, server  # noqa: E402


def handle(ws):
    with contextlib.suppress(websockets.ConnectionClosed):
        for message in ws:
            ws.send(message)


def serve():
    with server.serve(handle, "127.0.0.1", 0, **OPTIONS) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        print(serving.socket.getsockname()[1], flush=True)
        sys.stdin.read()


def number_of_cases(uri):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with client.connect(f"{uri}/getCaseCount") as ws:
                return json.loads(ws.recv())
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def connect(uri):
    for number in range(1, number_of_cases(uri) + 1):
        with client.connect(f"{uri}/runCase?case={number}&agent=client", **OPTIONS) as ws:
            handle(ws)
    with client.connect(f"{uri}/updateReports?agent=client") as ws:
        ws.wait_closed()


def main(backend, *uri):
    assert websockets.backend == backend, f"the {websockets.backend} backend is there"
    (connect if uri else serve)(*uri)


if __name__ == "__main__":
    main(*sys.argv[1:])
