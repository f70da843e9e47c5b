"""
Proxies: what their URIs say, which one the system wants, and the request for a tunnel.

Owns the rules for URIs of proxies and for the environment's variables, and HTTP's CONNECT (RFC 9110
9.3.6). Must never know how a connection is made. Key decision: the standard library tells what is
configured, so that a program finds the same proxies here as elsewhere.
"""

from __future__ import annotations

import dataclasses
import urllib.parse
from typing import Optional

from .datastructures import Headers
from .exceptions import InvalidProxy
from .headers import build_authorization_basic, build_host
from .http11 import USER_AGENT
from .uri import WebSocketURI

__all__ = ["Proxy", "get_proxy", "parse_proxy", "prepare_connect_request"]

SCHEMES = ("socks5h", "socks5", "socks4a", "socks4", "https", "http")

# Whose proxies serve a connection, the first that is configured; all_proxy isn't for everything.
_SECURE = ("wss", "socks", "https")
_NOT_SECURE = ("ws", "socks", "https", "http")


@dataclasses.dataclass
class Proxy:
    """
    The parts of a proxy's URI.

    Arguments:
        scheme: ``"socks5h"``, ``"socks5"``, ``"socks4a"``, ``"socks4"``, ``"https"`` or ``"http"``.
        host: in lower case, in ASCII, without the brackets of an IPv6 address.
        port: a number, even when the URI has none.
        username, password: decoded, or None.
    """

    scheme: str
    host: str
    port: int
    username: Optional[str] = None
    password: Optional[str] = None

    @property
    def user_info(self) -> Optional[tuple[str, str]]:
        """Username and password, or None."""
        return None if self.username is None else (self.username, self.password or "")


def parse_proxy(proxy: str) -> Proxy:
    """
    Parse the URI of a proxy.

    Raises:
        InvalidProxy: if it isn't the URI of a proxy that can be used.
        ValueError: if its port isn't one, or its host or credentials can't be read.
    """
    parts = urllib.parse.urlsplit(proxy)
    if parts.scheme not in SCHEMES:
        raise InvalidProxy(proxy, f"scheme {parts.scheme} isn't supported")
    if not parts.hostname:
        raise InvalidProxy(proxy, "hostname isn't provided")
    if parts.path not in ("", "/"):
        raise InvalidProxy(proxy, "path is meaningless")
    if parts.query:
        raise InvalidProxy(proxy, "query is meaningless")
    if parts.fragment:
        raise InvalidProxy(proxy, "fragment is meaningless")
    username, password = parts.username, parts.password
    if username is not None:
        if password is None:
            raise InvalidProxy(proxy, "username provided without password")
        username = urllib.parse.unquote(username, errors="strict")
        password = urllib.parse.unquote(password, errors="strict")
    host = parts.hostname
    # RFC 3987 3.1: the host of an IRI is mapped with IDNA.
    if not host.isascii():
        host = host.encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Proxy(parts.scheme, host, port, username, password)


def get_proxy(uri: WebSocketURI) -> Optional[str]:
    """
    Return the URI of the proxy that the system wants for a connection, None for no proxy.

    The system is asked as ``urllib.request`` does it: environment variables, and the settings of
    Windows and macOS. For ``wss`` these count, in this order: ``wss_proxy``, ``socks_proxy``,
    ``https_proxy``; for ``ws`` ``ws_proxy``, ``socks_proxy``, ``https_proxy``, ``http_proxy``.
    ``no_proxy`` lists the hosts that need none.
    """
    # It brings HTTP and TLS along, 20 ms that most programs needn't spend.
    import urllib.request

    if urllib.request.proxy_bypass(f"{uri.host}:{uri.port}"):
        return None
    proxies = urllib.request.getproxies()
    for name in _SECURE if uri.secure else _NOT_SECURE:
        proxy = proxies.get(name)
        if proxy:
            # macOS gives SOCKS proxies the scheme of the others.
            if name == "socks" and proxy.startswith("http://"):
                proxy = f"socks5h://{proxy[len('http://') :]}"
            return proxy
    return None


def prepare_connect_request(
    proxy: Proxy, ws_uri: WebSocketURI, user_agent_header: Optional[str] = USER_AGENT
) -> bytes:
    """
    Build the request that asks an HTTP proxy for a tunnel to a server (RFC 9110 9.3.6).

    Arguments:
        proxy: the proxy, for its credentials.
        ws_uri: the URI of the server.
        user_agent_header: value of the User-Agent header, None for no such header.
    """
    host, port, secure = ws_uri.host, ws_uri.port, ws_uri.secure
    headers = Headers()
    headers["Host"] = build_host(host, port, secure)
    if user_agent_header is not None:
        headers["User-Agent"] = user_agent_header
    if proxy.user_info is not None:
        headers["Proxy-Authorization"] = build_authorization_basic(*proxy.user_info)
    target = build_host(host, port, secure, always_include_port=True)
    # RFC 9112 3.2.3: authority-form.
    return f"CONNECT {target} HTTP/1.1\r\n".encode() + headers.serialize()
