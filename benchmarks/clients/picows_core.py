"""picows with its own API of callbacks: no task, no queue and no waiting."""

import calling
import picows


class Echoes(picows.WSListener):
    def __init__(self, tally):
        self.tally = tally

    def on_ws_frame(self, transport, frame):
        self.tally.echoes += 1
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def converse(url, tls, message, in_flight, tally):
    text = isinstance(message, str)
    payload = message.encode() if text else message
    msg_type = picows.WSMsgType.TEXT if text else picows.WSMsgType.BINARY
    transport, _ = await picows.ws_connect(lambda: Echoes(tally), url, ssl_context=tls)
    for _ in range(in_flight):
        transport.send(msg_type, payload)
    await transport.wait_disconnected()


calling.run(converse, "picows", "aiofastnet")
