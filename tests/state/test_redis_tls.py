"""Redis behind TLS and a password: `rediss://`."""

from __future__ import annotations

import asyncio
import socket
import subprocess

import pytest

from pforge_lab.errors import StateError
from pforge_lab.state import open_state
from tests.programs import need
from tests.state.servers import wait_for


@pytest.fixture
def address(tmp_path):
    """Return where a server listens, for a certificate of its own and the password `sesame`."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    request = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        [*request, "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    files = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate]
    options = ["--tls-auth-clients", "no", "--bind", "127.0.0.1", "--requirepass", "sesame", "--save", ""]
    command = [need("redis-server"), "--port", "0", "--tls-port", str(port), *files, *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tmp_path) as server:
        trusted = f"localhost:{port}/0?ssl_ca_certs={certificate}"
        wait_for(f"rediss://:sesame@{trusted}")
        yield trusted
        server.terminate()


def test_a_server_behind_tls_keeps_the_contract(address):
    """Also awaited; and its URL is shown without the password."""
    with open_state(f"rediss://:sesame@{address}") as state:
        state.set("k", b"v", ttl=60)
        assert state.get("k") == b"v"
        assert asyncio.run(state.aio.increment("n")) == 1
        assert "sesame" not in repr(state)


def test_a_wrong_password_is_told_without_showing_it(address):
    with pytest.raises(StateError, match="check the name and the password in its URL") as caught:
        open_state(f"rediss://:guess@{address}")
    assert "guess" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(address):
    with pytest.raises(StateError, match="CERTIFICATE_VERIFY_FAILED"):
        open_state(f"rediss://:sesame@{address.partition('?')[0]}")
