"""
Reading the head of a browser's request, beside what httptools takes for the same strings; and all
that the server's side of an opening handshake computes.
"""

import http

import pytest

from websockets import _core
from websockets._handshake.admission import check_framing, check_host
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import enable_server_permessage_deflate
from websockets.handshake import build_response, check_request
from websockets.server import WebSocketServerProtocol

REQUEST = (
    b"GET /chat?room=42 HTTP/1.1\r\n"
    b"Host: www.example.com\r\n"
    b"Connection: Upgrade\r\n"
    b"Pragma: no-cache\r\n"
    b"Cache-Control: no-cache\r\n"
    b"User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/126.0.0.0 Safari/537.36\r\n"
    b"Upgrade: websocket\r\n"
    b"Origin: https://www.example.com\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: en-GB,en;q=0.9\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    b"\r\n"
)


def load(backend):
    try:
        return _core.load(backend).heads
    except ImportError:
        pytest.skip("the compiled backend isn't built")


@pytest.mark.benchmark(group="head of a request")
@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_head(benchmark, backend):
    heads = load(backend)

    def read():
        head = heads.HeadReader()
        head.feed(REQUEST)
        return head.path, head.headers

    path, headers = benchmark(read)
    assert (path, len(headers)) == ("/chat?room=42", 12)


class Collector:
    """Takes from httptools what a head reader tells, as strings."""

    def __init__(self):
        self.path = ""
        self.fields = []

    def on_url(self, url):
        self.path = url.decode("ascii", "surrogateescape")

    def on_header(self, name, value):
        self.fields.append((name.decode("ascii"), value.decode("ascii", "surrogateescape")))


@pytest.mark.benchmark(group="head of a request")
@pytest.mark.parametrize("indexed", [False, True], ids=["list", "list and dict"])
def test_httptools(benchmark, indexed):
    httptools = pytest.importorskip("httptools")

    def read():
        collector = Collector()
        parser = httptools.HttpRequestParser(collector)
        try:
            parser.feed_data(REQUEST)
        except httptools.HttpParserUpgrade:
            pass
        values = {}
        if indexed:
            for name, value in collector.fields:
                values.setdefault(name.lower(), []).append(value)
        return parser.get_method(), collector.path, collector.fields, values

    method, path, fields, _ = benchmark(read)
    assert (method, path, len(fields)) == (b"GET", "/chat?room=42", 12)


class Sink(WebSocketServerProtocol):
    """The part of a server's connection that writes a response."""

    def __init__(self):
        self.server_header = "here"
        self.transport = self

    def write(self, data):
        self.written = data


@pytest.mark.benchmark(group="opening handshake")
@pytest.mark.parametrize("backend", ["compiled", "pure"])
def test_handshake(benchmark, backend):
    heads = load(backend)
    factories = enable_server_permessage_deflate(None)
    server = Sink()

    def answer():
        head = heads.HeadReader()
        head.feed(REQUEST)
        check_framing(head.headers)
        check_host(head.headers, None)
        key = check_request(head.headers)
        server.process_origin(head.headers)
        extensions, _ = server.process_extensions(head.headers, factories)
        server.process_subprotocol(head.headers, None)
        headers = Headers()
        build_response(headers, key)
        headers["Sec-WebSocket-Extensions"] = extensions
        server.write_http_response(http.HTTPStatus.SWITCHING_PROTOCOLS, headers)

    benchmark(answer)
    assert server.written.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
