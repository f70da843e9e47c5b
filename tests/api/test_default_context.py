"""
Clients that are given no TLS context: one is made for all of them, and no program can change it.
"""

import asyncio
import ssl
import threading

import pytest
import trustme
from peer import echo, port_of

import websockets


@pytest.fixture
def trusted(certificates, monkeypatch, tmp_path):
    """The file of the authorities that this system trusts."""
    path = tmp_path / "authorities.pem"
    certificates.authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.fixture
def made(monkeypatch):
    """All the default contexts that are made."""
    contexts = []
    create = ssl.create_default_context

    def note(*args, **kwargs):
        contexts.append(create(*args, **kwargs))
        return contexts[-1]

    monkeypatch.setattr(ssl, "create_default_context", note)
    return contexts


def serving(certificates, **options):
    return websockets.serve(echo, "127.0.0.1", 0, ssl=certificates.server_context(), **options)


def uri(server, host="localhost"):
    return f"wss://{host}:{port_of(server)}"


async def talk(server, host="localhost", **options):
    async with websockets.connect(uri(server, host), **options) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def test_one_is_made_for_all(certificates, trusted, made):
    async with serving(certificates) as server:
        for options in ({}, {"ssl": True}, {}):
            await talk(server, **options)
        async with websockets.connect(uri(server)), websockets.connect(uri(server)):
            pass
    assert len(made) == 1


async def test_the_name_and_the_certificate_are_checked(certificates, trusted):
    async with serving(certificates) as server:
        for _ in range(2):
            with pytest.raises(ssl.SSLCertVerificationError, match="(?i)hostname|match"):
                await talk(server, server_hostname="example.com")
            await talk(server)


async def test_another_file_of_authorities(certificates, trusted, tmp_path, monkeypatch):
    path = str(tmp_path / "others.pem")
    trustme.CA().cert_pem.write_to_path(path)
    async with serving(certificates) as server:
        for _ in range(2):
            await talk(server)
            with monkeypatch.context() as patch:
                patch.setenv("SSL_CERT_FILE", path)
                with pytest.raises(ssl.SSLCertVerificationError):
                    await talk(server)


async def test_other_authorities_in_the_same_file(certificates, trusted):
    ours = trusted.read_text()
    others = trustme.CA().cert_pem.bytes().decode()
    async with serving(certificates) as server:
        await talk(server)
        trusted.write_text(others)
        with pytest.raises(ssl.SSLCertVerificationError):
            await talk(server)
        trusted.write_text(others + ours)
        await talk(server)
        trusted.unlink()
        with pytest.raises(ssl.SSLCertVerificationError):
            await talk(server)


async def test_keys_are_logged_from_when_that_is_wanted(
    certificates, trusted, tmp_path, monkeypatch
):
    async with serving(certificates) as server:
        await talk(server)
        path = tmp_path / "keys"
        monkeypatch.setenv("SSLKEYLOGFILE", str(path))
        await talk(server)
        assert "CLIENT_TRAFFIC_SECRET_0" in path.read_text()


def spoil(context):
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


@pytest.mark.parametrize("way", ["sslcontext", "ssl_object"])
async def test_what_a_program_does_to_a_context_is_its_own_affair(way, certificates, trusted):
    strangers = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    strangers.issue_cert("localhost").configure_cert(context)
    contexts = set()
    async with serving(certificates) as server:
        async with websockets.serve(echo, "127.0.0.1", 0, ssl=context) as other:
            for _ in range(2):
                async with websockets.connect(uri(server)) as ws:
                    found = ws.transport.get_extra_info(way)
                    found = found if way == "sslcontext" else found.context
                    assert found is ws.transport.get_extra_info("sslcontext")
                    assert found is ws.transport.get_extra_info("ssl_object").context
                    assert found.check_hostname and found.verify_mode == ssl.CERT_REQUIRED
                    spoil(found)
                    contexts.add(found)
                    # The connection isn't the worse for it.
                    await ws.send("hello")
                    assert await ws.recv() == "hello"
                with pytest.raises(ssl.SSLCertVerificationError):
                    await talk(other)
    assert len(contexts) == 2


async def test_a_connection_that_wants_no_name_is_an_exception(certificates, trusted):
    async with serving(certificates) as server:
        await talk(server, host="127.0.0.1", server_hostname="")
        with pytest.raises(ssl.SSLCertVerificationError):
            await talk(server, server_hostname="example.com")


def test_threads_that_come_at_the_same_time(certificates, trusted):
    failures = []
    together = threading.Barrier(5)

    def run(port):
        async def main():
            together.wait()
            async with websockets.connect(f"wss://localhost:{port}", host="127.0.0.1") as ws:
                await ws.send("hello")
                assert await ws.recv() == "hello"

        try:
            asyncio.run(main())
        except BaseException as exc:
            failures.append(exc)

    async def serve():
        async with serving(certificates) as server:
            threads = [threading.Thread(target=run, args=[port_of(server)]) for _ in range(5)]
            for thread in threads:
                thread.start()
            await asyncio.get_running_loop().run_in_executor(
                None, lambda: [thread.join() for thread in threads]
            )

    asyncio.run(serve())
    assert not failures


async def test_a_program_that_brings_its_own_context_has_none_made(certificates, made):
    async with serving(certificates) as server:
        context = certificates.client_context()
        async with websockets.connect(uri(server), ssl=context) as ws:
            assert ws.transport.get_extra_info("sslcontext") is context
            assert ws.transport.get_extra_info("ssl_object").context is context
    assert not made
