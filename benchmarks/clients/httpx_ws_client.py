"""httpx-ws, which stands on wsproto and reads in a thread of its own."""

import calling_threads
import httpx_ws

LIMIT = 2**30  # bytes in a message


def converse(url, message, in_flight, count):
    with httpx_ws.connect_ws(url, max_message_size_bytes=LIMIT) as session:
        if isinstance(message, str):
            send, receive = session.send_text, session.receive_text
        else:
            send, receive = session.send_bytes, session.receive_bytes
        while True:
            for _ in range(in_flight):
                send(message)
            for _ in range(in_flight):
                receive()
                count()


calling_threads.run(converse, "httpx-ws", "wsproto")
