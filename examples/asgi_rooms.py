"""
Rooms of a plain ASGI application, served by uvicorn: who opens ws://localhost:8765/NAME hears all
that is said in the room of that name.

    pip install uvicorn
    python asgi_rooms.py
    websockets connect ws://localhost:8765/kitchen
"""

rooms = {}  # the functions that send to those who are there, by path


async def application(scope, receive, send):
    if scope["type"] != "websocket":
        raise NotImplementedError(f"{scope['type']} isn't served here")
    await receive()  # websocket.connect
    path = scope["path"]
    if path == "/":
        await send({"type": "websocket.close"})  # before it is accepted: HTTP's status 403
        return
    await send({"type": "websocket.accept"})
    room = rooms.setdefault(path, {})
    room[send] = None
    try:
        while (event := await receive())["type"] == "websocket.receive":
            for tell in [*room]:
                await tell({**event, "type": "websocket.send"})
    finally:
        del room[send]
        if not room:
            del rooms[path]


if __name__ == "__main__":
    import uvicorn

    print("rooms are at ws://localhost:8765/NAME", flush=True)
    uvicorn.run(
        application,
        host="localhost",
        port=8765,
        ws="websockets.asgi:WebSocketProtocol",
        log_level="warning",
    )
