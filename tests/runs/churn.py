"""
Lets connections come and go, and tells what is left of them.

``python tests/runs/churn.py 100000`` takes that many, on each event loop.
"""

import logging
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))

from coming_and_going import by_hand, left_by, over_sockets
from variants import LOOPS

import websockets


def main(count):
    for name, new_loop in LOOPS.items():
        for come_and_go in (over_sockets, by_hand):
            start = time.perf_counter()
            loop = new_loop()
            kinds, size = loop.run_until_complete(left_by(come_and_go, count))
            loop.close()
            seconds = time.perf_counter() - start
            print(
                f"{websockets.backend}, {name}: {count} came and went {come_and_go.__name__} in "
                f"{seconds:.0f} s; {kinds or 'no objects'} and {size} bytes are left",
                flush=True,
            )


if __name__ == "__main__":
    logging.disable()
    main(int(sys.argv[1]))
