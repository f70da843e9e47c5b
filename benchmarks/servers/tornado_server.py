"""Tornado, on asyncio's loop or uvloop."""

import logging

import serving
from tornado import httpserver, web, websocket

connections = set()


class Echo(websocket.WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


class Broadcast(websocket.WebSocketHandler):
    def open(self):
        connections.add(self)

    def on_message(self, message):
        for connection in connections:
            connection.write_message(message, binary=isinstance(message, bytes))


class Compressed(Echo):
    def get_compression_options(self):
        return {}


async def start(options, sock):
    logging.getLogger("tornado.access").setLevel(logging.ERROR)
    echo = Compressed if options.compression else Echo
    handler = {"echo": echo, "broadcast": Broadcast}[options.kind]
    app = web.Application([("/", handler)], websocket_max_message_size=serving.MAX_SIZE)
    server = httpserver.HTTPServer(app, ssl_options=serving.tls(options))
    sock.setblocking(False)
    server.add_socket(sock)
    return server


serving.run(start, "tornado")
