"""
This library, and many tasks that each send one message on one connection.

Their number is the second argument. When all messages are sent it prints one line of JSON more: the
processor time that took. With compression, messages are compressed in a thread.
"""

import asyncio
import json
import os
import socket
import sys
import time

import serving

import websockets
from websockets import version
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

SIZE = 1000  # bytes; they are random, so that compressed ones are no shorter
ROOM = 65536  # bytes that the kernel takes from a sender whose peer doesn't read


async def send_all(websocket):
    message = os.urandom(SIZE)
    start = time.process_time()
    await asyncio.gather(*(websocket.send(message) for _ in range(int(sys.argv[2]))))
    print(json.dumps({"seconds": time.process_time() - start}), flush=True)


async def start(options, sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)
    in_thread = ServerPerMessageDeflateFactory(thread_size=SIZE)
    return await websockets.serve(
        send_all,
        sock=sock,
        compression=None,
        extensions=[in_thread] if options.compression else None,
    )


serving.run(start, cywebsockets=getattr(version, "distribution_version", version.version))
