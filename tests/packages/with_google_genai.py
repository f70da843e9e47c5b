"""
Google's live API: ``google.genai`` looks at the signature of ``websockets.asyncio.client.connect``.

It takes messages with ``recv(decode=False)``, and explains codes by ``websockets.frames``. It has no
way to leave out TLS.
"""

import asyncio
import base64
import json
import ssl

import trustme
from google import genai
from google.genai import errors, types
from loopback import main, raises, refusing, scenario, serving

import websockets

authority = trustme.CA()
server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
authority.issue_cert("127.0.0.1").configure_cert(server_context)
client_context = ssl.create_default_context()
authority.configure_trust(client_context)

PICTURE = bytes(range(256)) * 4000


def client_of(address, **options):
    # What isn't a parameter of connect() is left out.
    arguments = {"ssl": client_context, "open_timeout": 10, "close_timeout": 5, "nonsense": 1}
    return genai.Client(
        api_key="key",
        http_options=types.HttpOptions(
            base_url=address.replace("ws://", "https://"),
            async_client_args={**arguments, **options},
        ),
    )


async def model(connection):
    """Begin a session, then answer each turn in three pieces."""

    async def say(message):
        await connection.send(json.dumps(message).encode())

    assert "BidiGenerateContent" in connection.request.path
    assert connection.request.headers["x-goog-api-key"] == "key"
    setup = json.loads(await connection.recv())["setup"]
    if setup["model"] == "models/none":
        await connection.close(1008, "no such model")
        return
    await say({"setupComplete": {"sessionId": "s"}})
    async for message in connection:
        told = json.loads(message)
        if "realtime_input" in told:
            data = told["realtime_input"]["audio"]["data"]
            assert base64.urlsafe_b64decode(data) == PICTURE
            picture = {"inlineData": {"mimeType": "image/png", "data": data}}
            await say({"serverContent": {"modelTurn": {"parts": [picture]}}})
        else:
            text = told["client_content"]["turns"][0]["parts"][0]["text"]
            if text == "fail":
                await connection.close(1011, "broken")
                return
            if text == "break":
                connection.transport.abort()
                return
            for piece in text, "é", "!":
                await say({"serverContent": {"modelTurn": {"parts": [{"text": piece}]}}})
        await say({"serverContent": {"turnComplete": True}})
    assert connection.close_code == 1000


async def turn(session, text):
    content = types.Content(role="user", parts=[types.Part(text=text)])
    await session.send_client_content(turns=content, turn_complete=True)
    return [
        part.text
        async for message in session.receive()
        if message.server_content and message.server_content.model_turn
        for part in message.server_content.model_turn.parts
    ]


@scenario
async def turns():
    async with serving(model, ssl=server_context) as address:
        async with client_of(address).aio.live.connect(model="m") as session:
            assert session.session_id == "s"
            assert await turn(session, "hello") == ["hello", "é", "!"]
            assert await turn(session, "x" * 100_000) == ["x" * 100_000, "é", "!"]


@scenario
async def large_pieces():
    async with serving(model, ssl=server_context, max_size=2**24) as address:
        client = client_of(address, max_size=2**24)
        async with client.aio.live.connect(model="m") as session:
            blob = types.Blob(data=PICTURE, mime_type="audio/pcm")
            await session.send_realtime_input(audio=blob)
            async for message in session.receive():
                if message.data:
                    assert message.data == PICTURE
                    break


@scenario
async def the_model_ends():
    for text, code, reason in ("fail", 1011, "broken"), ("break", 1006, "abnormal closure"):
        async with serving(model, ssl=server_context) as address:
            async with client_of(address).aio.live.connect(model="m") as session:
                with raises(errors.APIError) as caught:
                    await turn(session, text)
                assert caught.exception.code == code
                assert reason in str(caught.exception), caught.exception


@scenario
async def there_is_no_such_model():
    async with serving(model, ssl=server_context) as address:
        with raises(errors.APIError) as caught:
            async with client_of(address).aio.live.connect(model="none"):
                pass
        assert caught.exception.code == 1008 and "no such model" in str(caught.exception)


@scenario
async def the_server_refuses():
    async with serving(model, ssl=server_context, process_request=refusing(403)) as address:
        with raises(websockets.InvalidStatus) as caught:
            async with client_of(address).aio.live.connect(model="m"):
                pass
        assert caught.exception.response.status_code == 403


@scenario
async def another_authority():
    async with serving(model, ssl=server_context) as address:
        client = client_of(address, ssl=ssl.create_default_context())
        with raises(ssl.SSLCertVerificationError):
            async with client.aio.live.connect(model="m"):
                pass
        await asyncio.sleep(0)


if __name__ == "__main__":
    main()
