"""
Redirects on asyncio and on trio: where they lead, what is left out, and what a program decides.
"""

import pytest
from both import (
    answering,
    carrier_to,
    client_module,
    connect,
    follow,
    port_of,
    runs_on_trio,
    serving_at,
    uri_of,
)
from peer import needs_unix
from todays import accepting, hold

from websockets.exceptions import InvalidStatus, InvalidURI, SecurityError

pytestmark = pytest.mark.and_trio


def redirect(location, status=302):
    """Return the function of a request that redirects, but accepts requests for /end."""

    def answer(head):
        if head.startswith(b"GET /end"):
            return accepting(head)
        where = "" if location is None else f"Location: {location}\r\n"
        return f"HTTP/1.1 {status} X\r\n{where}Content-Length: 0\r\n\r\n".encode()

    return answer


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_statuses_that_redirect(status):
    async with answering(redirect("/end?x", status)) as server:
        connecting = connect(uri_of(server, "/begin"))
        ws = await follow(connecting)
        assert ws.request.path == "/end?x"
        assert connecting.uri == uri_of(server, "/end?x")
        assert connecting.ws_uri.resource_name == "/end?x"


@pytest.mark.parametrize(
    "status, location", [(304, "/end"), (305, "/end"), (200, "/end"), (302, None)]
)
async def test_what_is_no_redirect(status, location):
    async with answering(redirect(location, status)) as server:
        with pytest.raises(InvalidStatus) as raised:
            await follow(connect(uri_of(server)))
        assert raised.value.response.status_code == status
        assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://localhost/", "ws://"])
async def test_a_location_that_is_no_websocket_uri(location):
    async with answering(redirect(location)) as server:
        with pytest.raises(InvalidURI):
            await follow(connect(uri_of(server)))


async def test_as_many_requests_as_there_may_be():
    async with answering(redirect("/again")) as server:
        with pytest.raises(SecurityError, match="^more than 10 redirects$"):
            await follow(connect(uri_of(server)))
        assert len(server.requests) == 10


async def test_credentials_are_for_the_server_that_they_were_given_for():
    headers = {"Authorization": "a", "cookie": "c", "Proxy-Authorization": "p", "X": "x"}
    async with answering(accepting) as other:
        async with answering(redirect(uri_of(other, "/end"))) as server:
            connecting = connect(uri_of(server), additional_headers=headers)
            await follow(connecting)
        assert all(name.encode() in server.requests[0] for name in headers)
        request = other.requests[0].lower()
        assert b"x: x" in request
        assert not any(word in request for word in (b"authorization", b"cookie"))
        assert list(connecting.additional_headers) == ["x"]
    async with answering(redirect("/end")) as server:
        await follow(connect(uri_of(server), additional_headers=headers))
        assert all(name.encode() in server.requests[1] for name in headers)


@pytest.mark.parametrize("given", ["host", "port"])
async def test_another_server_than_was_given(given):
    async with answering(accepting) as other:
        end = uri_of(other, "/end")
        async with answering(redirect(end)) as server:
            option = {"host": "127.0.0.1"} if given == "host" else {"port": port_of(server)}
            with pytest.raises(ValueError) as raised:
                await follow(connect(uri_of(server), **option))
            assert str(raised.value) == (
                f"cannot follow cross-origin redirect to {end} with an explicit host or port"
            )
            assert isinstance(raised.value.__cause__, InvalidStatus)
        async with answering(redirect("/end")) as server:
            option = {"host": "127.0.0.1"} if given == "host" else {"port": port_of(server)}
            await follow(connect(uri_of(server), **option))


async def test_a_way_that_was_given():
    async with answering(redirect("/end")) as server:
        given, word = carrier_to(server)
        with pytest.raises(ValueError) as raised:
            await follow(connect(uri_of(server), **given))
        end = uri_of(server, "/end")
        assert str(raised.value) == f"cannot follow redirect to {end} with a preexisting {word}"


@needs_unix
async def test_a_unix_socket(tmp_path):
    def process_request(connection, request):
        if request.path == "/end":
            return None
        response = connection.respond(302, "")
        response.headers["Location"] = request.path.replace("/to/", "")
        return response

    unix_connect = client_module().unix_connect
    path = str(tmp_path / "socket")
    async with serving_at(path, hold, process_request=process_request):
        ws = await follow(unix_connect(path, "ws://localhost/to//end"))
        assert ws.request.path == "/end"
        with pytest.raises(ValueError) as raised:
            await follow(unix_connect(path, "ws://localhost/to/ws://example.com/end"))
        assert str(raised.value) == (
            "cannot follow cross-origin redirect to ws://example.com/end with a Unix socket"
        )


async def test_a_redirect_must_not_give_up_tls():
    name = "open_tcp_stream" if runs_on_trio() else "open_tcp_connection"
    usual = client_module().connect

    async def open_tcp(self):
        opened = await getattr(super(Redirected, self), name)()
        self.uri = self.uri.replace("ws://", "wss://")
        return opened

    Redirected = type("Redirected", (usual,), {name: open_tcp})
    async with answering(redirect("ws://127.0.0.1/")) as server:
        with pytest.raises(SecurityError) as raised:
            await follow(Redirected(uri_of(server)))
        assert str(raised.value) == "cannot follow redirect to non-secure URI ws://127.0.0.1/"


# What a program decides


async def test_process_redirect_is_asked():
    asked = []

    class Asking(client_module().connect):
        def process_redirect(self, exc):
            verdict = super().process_redirect(exc)
            asked.append((self.uri, str(exc)[-3:], verdict is exc or verdict))
            return verdict if len(asked) < 2 else KeyError("enough")

    async with answering(redirect("/again")) as server:
        with pytest.raises(KeyError) as raised:
            await follow(Asking(uri_of(server)))
        assert isinstance(raised.value.__cause__, InvalidStatus)
        again = uri_of(server, "/again")
        assert asked == [(uri_of(server), "302", again), (again, "302", again)]
    asked.clear()
    async with answering(redirect(None, 404)) as server:
        with pytest.raises(KeyError):
            asked.append(None)
            await follow(Asking(uri_of(server)))
        assert asked[1:] == [(uri_of(server), "404", True)]


async def test_process_redirect_may_lead_elsewhere():
    class Elsewhere(client_module().connect):
        def process_redirect(self, exc):
            return self.uri + "end"

    async with answering(redirect(None, 500)) as server:
        assert (await follow(Elsewhere(uri_of(server)))).request.path == "/end"
