"""
One end of a TLS connection whose OpenSSL is called by its C functions.

Python's ``ssl`` can't begin a new handshake (TLS 1.2) or have the keys updated (TLS 1.3); peers
can. Must never know sockets: bytes come and go through :meth:`OpenSSL.receive` and
:meth:`OpenSSL.to_send`.
"""

import ctypes
import os
import ssl
import sys
import sysconfig
import tempfile

import pytest
from peer import xor

try:
    import _ssl

    # What Python's own module is linked with is found through it.
    _lib = ctypes.CDLL(_ssl.__file__)
    _lib.SSL_key_update  # noqa: B018
except (ImportError, AttributeError, OSError):
    _lib = None

needs_openssl_functions = pytest.mark.skipif(
    _lib is None, reason="OpenSSL's functions are out of reach"
)

# Where the library calls them itself; a program may forbid that.
CALLED = (
    _lib is not None
    and sys.implementation.name == "cpython"
    and (3, 9) <= sys.version_info[:2] <= (3, 14)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
    and ssl.OPENSSL_VERSION.startswith("OpenSSL ")
    and sys.platform != "win32"
)

TLS_1_2, TLS_1_3 = 0x303, 0x304

# openssl/ssl.h
SSL_ERROR_WANT_READ = 2
SSL_ERROR_ZERO_RETURN = 6
SSL_KEY_UPDATE_REQUESTED = 1
SSL_CTRL_SET_MIN_PROTO_VERSION, SSL_CTRL_SET_MAX_PROTO_VERSION = 123, 124
SSL_FILETYPE_PEM = 1

SIZE = 65536


def function(name, result, *arguments):
    """Declare a function of OpenSSL's: None stands for pointers."""
    if _lib is None:
        return None
    found = getattr(_lib, name)
    pointer = ctypes.c_void_p
    found.restype = pointer if result is None else result
    found.argtypes = [pointer if argument is None else argument for argument in arguments]
    return found


INT, LONG, BYTES = ctypes.c_int, ctypes.c_long, ctypes.c_char_p

TLS_method = function("TLS_method", None)
SSL_CTX_new = function("SSL_CTX_new", None, None)
SSL_CTX_free = function("SSL_CTX_free", None, None)
SSL_CTX_ctrl = function("SSL_CTX_ctrl", LONG, None, INT, LONG, None)
SSL_CTX_use_chain = function("SSL_CTX_use_certificate_chain_file", INT, None, BYTES)
SSL_CTX_use_key = function("SSL_CTX_use_PrivateKey_file", INT, None, BYTES, INT)
SSL_new = function("SSL_new", None, None)
SSL_free = function("SSL_free", None, None)
SSL_set_bio = function("SSL_set_bio", None, None, None, None)
SSL_set_accept_state = function("SSL_set_accept_state", None, None)
SSL_set_connect_state = function("SSL_set_connect_state", None, None)
SSL_do_handshake = function("SSL_do_handshake", INT, None)
SSL_read = function("SSL_read", INT, None, BYTES, INT)
SSL_write = function("SSL_write", INT, None, BYTES, INT)
SSL_shutdown = function("SSL_shutdown", INT, None)
SSL_key_update = function("SSL_key_update", INT, None, INT)
SSL_renegotiate = function("SSL_renegotiate", INT, None)
SSL_get_error = function("SSL_get_error", INT, None, INT)
BIO_new = function("BIO_new", None, None)
BIO_s_mem = function("BIO_s_mem", None)
BIO_read = function("BIO_read", INT, None, BYTES, INT)
BIO_write = function("BIO_write", INT, None, BYTES, INT)


class OpenSSL:
    """
    One end.

    Arguments:
        version: TLS_1_2 or TLS_1_3.
        certificate: what trustme issued, for a server; a client checks nothing.
    """

    def __init__(self, version, certificate=None):
        self._context = SSL_CTX_new(TLS_method())
        for limit in (SSL_CTRL_SET_MIN_PROTO_VERSION, SSL_CTRL_SET_MAX_PROTO_VERSION):
            assert SSL_CTX_ctrl(self._context, limit, version, None)
        if certificate is not None:
            with tempfile.TemporaryDirectory() as directory:
                path = os.path.join(directory, "pem")
                certificate.private_key_and_cert_chain_pem.write_to_path(path)
                assert SSL_CTX_use_chain(self._context, path.encode())
                assert SSL_CTX_use_key(self._context, path.encode(), SSL_FILETYPE_PEM)
        self._ssl = SSL_new(self._context)
        self._incoming, self._outgoing = BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())
        SSL_set_bio(self._ssl, self._incoming, self._outgoing)
        (SSL_set_connect_state if certificate is None else SSL_set_accept_state)(self._ssl)
        self._buffer = ctypes.create_string_buffer(SIZE)

    def close(self):
        SSL_free(self._ssl)
        SSL_CTX_free(self._context)

    def receive(self, data):
        """Take bytes from the network."""
        assert BIO_write(self._incoming, bytes(data), len(data)) == len(data)

    def to_send(self):
        """Return bytes for the network."""
        pieces = []
        while (size := BIO_read(self._outgoing, self._buffer, SIZE)) > 0:
            pieces.append(self._buffer.raw[:size])
        return b"".join(pieces)

    def _did(self, result):
        """Tell whether a function did its work; if not, it must want to read what isn't there."""
        if result > 0:
            return True
        assert SSL_get_error(self._ssl, result) in (SSL_ERROR_WANT_READ, SSL_ERROR_ZERO_RETURN)
        return False

    def shake_hands(self):
        """Go on with a handshake; return whether it is complete."""
        return self._did(SSL_do_handshake(self._ssl))

    def read(self, size):
        """Return bytes from the peer, so many at most, or b""."""
        size = SSL_read(self._ssl, self._buffer, min(size, SIZE))
        return self._buffer.raw[:size] if self._did(size) else b""

    def ended(self):
        """Tell whether the peer has said close_notify."""
        size = SSL_read(self._ssl, self._buffer, SIZE)
        assert not self._did(size), "more was said"
        return SSL_get_error(self._ssl, size) == SSL_ERROR_ZERO_RETURN

    def end(self):
        """Say close_notify."""
        SSL_shutdown(self._ssl)

    def write(self, data):
        """Say bytes to the peer; return whether OpenSSL takes them."""
        return self._did(SSL_write(self._ssl, data, len(data)))

    def update_keys(self):
        """Have both ends change their keys (RFC 8446 4.6.3)."""
        assert SSL_key_update(self._ssl, SSL_KEY_UPDATE_REQUESTED) == 1
        assert self.shake_hands()

    def renegotiate(self):
        """Begin a new handshake (RFC 5246 7.4.1.1): a server has asked for it when this returns."""
        assert SSL_renegotiate(self._ssl) == 1
        self.shake_hands()


class Conversation:
    """
    An OpenSSL of the kind above at one end of a TCP connection.

    Attributes:
        tls: the OpenSSL.
        writer: the stream's; its transport may be told not to read.
    """

    def __init__(self, tls, reader, writer):
        self.tls = tls
        self.writer = writer
        self._reader = reader

    def flush(self):
        self.writer.write(self.tls.to_send())

    async def receive(self):
        """Wait for bytes from the network."""
        self.flush()
        data = await self._reader.read(SIZE)
        if not data:
            raise EOFError("the connection has ended")
        self.tls.receive(data)

    async def shake_hands(self):
        while not self.tls.shake_hands():
            await self.receive()
        self.flush()

    async def say(self, data):
        """Say bytes, as soon as OpenSSL takes them."""
        while not self.tls.write(data):
            await self.receive()
        self.flush()

    async def read(self, size):
        """Read so many bytes."""
        data = b""
        while len(data) < size:
            piece = self.tls.read(size - len(data))
            data += piece
            if not piece:
                await self.receive()
        self.flush()
        return data

    async def read_end(self):
        """Read up to close_notify, and say the same."""
        while not self.tls.ended():
            await self.receive()
        self.end()

    def end(self):
        """Say close_notify."""
        self.tls.end()
        self.flush()

    async def read_head(self):
        """Read the head of a request or response."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await self.read(1)
        return head.decode()

    async def read_frame(self):
        """Read a frame; return its opcode and its payload."""
        byte0, byte1 = await self.read(2)
        size = byte1 & 127
        if size >= 126:
            size = int.from_bytes(await self.read(2 if size == 126 else 8), "big")
        key = await self.read(4) if byte1 & 128 else b""
        payload = await self.read(size)
        return byte0 & 15, xor(payload, key) if key else payload
