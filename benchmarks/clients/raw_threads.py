"""Bytes without frames, by a blocking socket: what the system itself takes."""

import socket
from urllib.parse import urlsplit

import calling_threads


def converse(url, message, in_flight, count):
    data = message.encode() if isinstance(message, str) else message
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        for _ in range(in_flight):
            sock.sendall(data)
        missing = in_flight * len(data)
        while missing:
            missing -= len(sock.recv(65536))
        for _ in range(in_flight):
            count()


calling_threads.run(converse)
