"""websocket-client."""

import calling_threads
import websocket


def converse(url, message, in_flight, count):
    connection = websocket.create_connection(url)
    send = connection.send if isinstance(message, str) else connection.send_binary
    while True:
        for _ in range(in_flight):
            send(message)
        for _ in range(in_flight):
            connection.recv()
            count()


calling_threads.run(converse, "websocket-client")
