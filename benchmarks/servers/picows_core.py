"""
picows with its own API of callbacks: no task, no queue, no waiting, and no compression.

Written as its documentation shows, which sends text back without ever looking whether it is UTF-8.
"""

import picows
import serving

connections = set()


class Echo(picows.WSListener):
    def on_ws_frame(self, transport, frame):
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            self.answer(transport, frame.msg_type, frame)

    def answer(self, transport, msg_type, frame):
        transport.send(msg_type, frame.get_payload_as_bytes())


class Broadcast(Echo):
    def on_ws_connected(self, transport):
        connections.add(transport)

    def on_ws_disconnected(self, transport):
        connections.discard(transport)

    def answer(self, transport, msg_type, frame):
        payload = frame.get_payload_as_bytes()
        for connection in connections:
            connection.send(msg_type, payload)


async def start(options, sock):
    listener = {"echo": Echo, "broadcast": Broadcast}[options.kind]
    return await picows.ws_create_server(
        lambda request: listener(),
        sock=sock,
        ssl=serving.tls(options),
        max_frame_size=serving.MAX_SIZE,
    )


serving.run(start, "picows", "aiofastnet")
