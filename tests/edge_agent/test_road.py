"""The road: TLS 1.3 only, a private CA, a proxy, answers too long, too slow, cut or packed to explode."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edge_agent import road
from edge_agent.road import NotTheServerError, Road, RoadError, TlsError, UnreachableError
from edge_agent.settings import SettingsError, check_server_url

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, as one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ems test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def server(act: Callable[[socket.socket], object], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Accepts connections one after the other and lets `act` talk."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
                with connection:
                    if context is None:
                        act(connection)
                    else:
                        with context.wrap_socket(connection, server_side=True) as secure:
                            act(secure)
            except (OSError, ssl.SSLError):
                if listening.fileno() < 0:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return act


def ask(
    port: int, *, scheme: str = "http", ca_file: Path | None = None, proxy: str | None = None
) -> road.Answer:
    one = Road(
        f"{scheme}://127.0.0.1:{port}",
        user_agent="test",
        ca_file=str(ca_file) if ca_file else None,
        proxy=proxy,
    )
    try:
        return one.exchange("GET", "/api/v1/x")
    finally:
        one.close()


def tls(certificate: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.maximum_version = version
    return context


def test_tls_1_3_with_a_private_ca_is_taken(certificate: Path) -> None:
    with server(answering(GOOD), tls(certificate, ssl.TLSVersion.TLSv1_3)) as port:
        assert ask(port, scheme="https", ca_file=certificate).json() == {}


def test_older_tls_is_refused(certificate: Path) -> None:
    with server(answering(GOOD), tls(certificate, ssl.TLSVersion.TLSv1_2)) as port, pytest.raises(TlsError):
        ask(port, scheme="https", ca_file=certificate)


def test_an_unknown_ca_is_refused_and_named(certificate: Path) -> None:
    with (
        server(answering(GOOD), tls(certificate, ssl.TLSVersion.TLSv1_3)) as port,
        pytest.raises(TlsError, match="Check the address, the clock and the CA file"),
    ):
        ask(port, scheme="https")


def test_a_missing_ca_file_is_named() -> None:
    with pytest.raises(TlsError, match="cannot be used"):
        ask(1, scheme="https", ca_file=Path("/nowhere/ca.pem"))


def test_the_way_leads_through_the_proxy(certificate: Path) -> None:
    asked = []

    def proxy(connection: socket.socket) -> None:
        asked.append(connection.recv(65536).split(b"\r\n")[0])
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls(certificate, ssl.TLSVersion.TLSv1_3).wrap_socket(connection, server_side=True) as secure:
            answering(GOOD)(secure)

    with server(proxy) as port:
        one = Road(
            "https://127.0.0.1:8443",
            user_agent="test",
            ca_file=str(certificate),
            proxy=f"http://user:pass@127.0.0.1:{port}",
        )
        assert one.exchange("GET", "/").json() == {}
        one.close()
    assert asked[0].startswith(b"CONNECT 127.0.0.1:8443 HTTP/1.")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
WRONG: dict[str, tuple[bytes, type[RoadError], str]] = {
    "too long": (HEAD + b"\r\n" + b" " * (road.MOST_BYTES + 10), NotTheServerError, "more than"),
    "a bomb": (
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
        NotTheServerError,
        "more than",
    ),
    "another coding": (HEAD + b"Content-Encoding: br\r\n\r\nxx", NotTheServerError, "the coding 'br'"),
    "not gzip": (
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        NotTheServerError,
        "cannot be read",
    ),
    "cut off": (HEAD + b"Content-Length: 100\r\n\r\n{}", UnreachableError, "broke off"),
    "a cut gzip stream": (
        HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[1]" * 100)[:20],
        UnreachableError,
        "gzip stream",
    ),
    "no HTTP at all": (b"SSH-2.0-OpenSSH\r\n", NotTheServerError, "cannot be read"),
    "nothing": (b"", UnreachableError, "cannot be reached"),
    "broken JSON": (HEAD + b"Content-Length: 1\r\n\r\n{", NotTheServerError, "not our server's JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_answer_that_is_not_ours_is_named(case: str) -> None:
    data, kind, words = WRONG[case]
    with server(answering(data)) as port, pytest.raises(kind, match=words):
        ask(port).json()


def test_one_byte_a_second_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road, "WHOLE_ANSWER_S", 0.2)

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        pause = threading.Event()
        for _ in range(1000):
            connection.sendall(b" ")
            pause.wait(0.02)

    with server(drip) as port, pytest.raises(UnreachableError, match="did not arrive whole"):
        ask(port)


def test_a_connection_that_the_server_closed_is_opened_again() -> None:
    with server(answering(GOOD)) as port:
        one = Road(f"http://127.0.0.1:{port}", user_agent="test", ca_file=None, proxy=None)
        assert [one.exchange("GET", "/").json() for _ in range(3)] == [{}, {}, {}]
        one.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://ems.example.com",
        "ftp://x",
        "https://",
        "https://user:pass@x",
        "https://x/?a=1",
        "ems.example.com",
    ],
)
def test_an_address_that_would_not_be_safe_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        check_server_url(url)


@pytest.mark.parametrize(
    "url", ["https://ems.example.com", "http://127.0.0.1:8000", "http://localhost", "http://[::1]:1"]
)
def test_https_anywhere_and_http_on_this_machine(url: str) -> None:
    assert check_server_url(url + "/") == url
